#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/clock.hpp"
#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/topic.hpp"

namespace bookstore::bus {

struct RetryPolicy {
    std::int64_t attempts = 10;  ///< then the event is parked
    std::int64_t first_ms = 200;
    std::int64_t most_ms = 60'000;
};

using BeforeHandling = std::function<void(std::string_view subscription, const Envelope& event)>;

/// What a subscription works with. All of it outlives the subscription.
struct SubscriptionContext {
    Topic& topic;
    Outbox& outbox;
    const Clock& clock;
    Random& random;
    Pressure& pressure;
    std::function<void()> ring;  ///< wakes the module's thread
    /// If set, called before an event is handled; what it throws is a handler's failure. For tests
    /// of what happens then.
    BeforeHandling before_handling{};

    storage::Writer& writer() const { return outbox.database().writer(); }
    storage::Reader read() const { return outbox.database().read(); }
};

}  // namespace bookstore::bus
