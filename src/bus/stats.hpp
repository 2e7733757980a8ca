#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/metrics.hpp"
#include "bus/times.hpp"

namespace bookstore::bus {

/// What a subscription counts and remembers, beside the durations of its handlers. The module's
/// thread adds, any thread reads.
struct SubscriptionStats {
    Counter events;    ///< that the cursor passed with a commit: handled, or held
    Counter failures;  ///< of handlers: the event is held then, or stays so
    Counter retries;   ///< of held events
    BatchTimes batch_times;
    RetryTimes retry_times;
};

/// What the tasks of one kind count; as SubscriptionStats.
struct TaskStats {
    Counter started;
    Counter ended;      ///< whose result was written, or lost; what is left is under way
    Counter timed_out;  ///< of those that ended
    Counter lost;       ///< whose result could not be written: they are due again
};

/// How many events of each type were appended to the topic since the process began.
using EventCounts = std::map<std::string, std::uint64_t, std::less<>>;

}  // namespace bookstore::bus
