#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "bus/pressure.hpp"
#include "bus/relay.hpp"
#include "kernel/hosted_module.hpp"

namespace bookstore::host {

/// Measures for how long events wait for nothing but their turn, for whoever puts writes off. What
/// waited while something failed, was stopped or caught up has waited since that was over.
///
/// Any thread. Relay and modules outlive it.
class Lag {
  public:
    Lag(const bus::Relay& relay,
        const std::vector<std::unique_ptr<kernel::HostedModule>>& modules,
        const Clock& clock)
        : relay_(relay), modules_(modules), clock_(clock) {}

    bus::Pressure::Lag measure();

  private:
    const bus::Relay& relay_;
    const std::vector<std::unique_ptr<kernel::HostedModule>>& modules_;
    const Clock& clock_;
    std::mutex mutex_;
    std::int64_t relayed_again_ms_ = 0;  ///< when the topic was last seen to refuse
    /// When each was last seen to do other than work.
    std::map<const bus::Subscription*, std::int64_t> at_work_since_ms_;
};

}  // namespace bookstore::host
