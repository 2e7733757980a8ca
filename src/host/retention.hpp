#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "bus/topic.hpp"
#include "kernel/hosted_module.hpp"
#include "storage/trouble.hpp"

namespace bookstore::host {

/// How much of the log is kept; 0: all. Both may be given: what one of them lets go, goes.
struct RetentionOptions {
    std::int64_t max_age_ms = 0;
    std::int64_t max_bytes = 0;  ///< of what topic.db has in use

    bool limited() const { return max_age_ms > 0 || max_bytes > 0; }
};

/// Cuts the log's beginning off: what is too old or too much, but nothing that a subscription of a
/// hosted context has still to read, nor what a rebuild would need. So it asks each context, whose
/// read models keep a base for their rebuilds first, and takes the events a thousand at a time;
/// then their pages go back to the file system, some at a time.
///
/// On the relay's thread, which steps it when nothing is to be relayed.
class Retention {
  public:
    using Modules = std::vector<std::unique_ptr<kernel::HostedModule>>;

    /// `ring` wakes the relay's thread. All of them outlive this, but for `ring`'s callers.
    Retention(
        bus::Topic& topic,
        const Modules& modules,
        const Clock& clock,
        RetentionOptions options,
        std::function<void()> ring
    );

    /// A bounded piece of work; false when there is nothing to do.
    bool step();
    /// In how many ms step() has something to do again; nothing when nothing is due.
    std::optional<std::int64_t> due_in_ms() const;

  private:
    /// What the contexts have answered so far.
    struct Answers {
        std::mutex mutex;
        std::size_t missing = 0;
        std::int64_t floor = 0;  ///< nobody needs what is up to there
    };

    bool work();
    std::int64_t wanted();
    std::int64_t too_old();
    std::int64_t too_much();
    void ask(std::int64_t position);
    bool take_answers();

    bus::Topic& topic_;
    const Modules& modules_;
    const Clock& clock_;
    const RetentionOptions options_;
    std::function<void()> ring_;
    std::int64_t next_look_ms_ = 0;   ///< steady
    std::shared_ptr<Answers> asked_;  ///< null: nothing is asked
    std::int64_t asked_for_ = 0;      ///< position
    std::int64_t cutting_to_ = 0;     ///< position; 0: nothing is being cut
    bool giving_back_ = true;         ///< what an earlier process left too
    int kept_looks_ = 0;              ///< since a cut, those at which somebody had still to read
    storage::StorageTrouble trouble_{"retention"};
};

}  // namespace bookstore::host
