#include "host/lag.hpp"

#include <algorithm>

namespace bookstore::host {

bus::Pressure::Lag Lag::measure() {
    using State = bus::BacklogState;
    const std::scoped_lock lock(mutex_);
    const std::int64_t now_ms = clock_.now_ms();
    if (!relay_.healthy()) {
        relayed_again_ms_ = now_ms;
        return std::nullopt;
    }
    std::int64_t oldest_ms = now_ms;
    if (const auto since_ms = relay_.waiting_since_ms()) {
        oldest_ms = std::min(oldest_ms, std::max(*since_ms, relayed_again_ms_));
    }
    for (const auto& module : modules_) {
        for (const auto& subscription : module->subscriptions()) {
            const State state = module->state_of(*subscription);
            std::int64_t& since_ms =
                at_work_since_ms_.try_emplace(subscription.get(), relayed_again_ms_).first->second;
            if (state == State::working) {
                const std::int64_t waits_since_ms = subscription->backlog_since_ms();
                oldest_ms =
                    std::min(oldest_ms, std::max({waits_since_ms, since_ms, relayed_again_ms_}));
            } else if (state != State::empty) {
                since_ms = now_ms;
            }
        }
    }
    return now_ms - oldest_ms;
}

}  // namespace bookstore::host
