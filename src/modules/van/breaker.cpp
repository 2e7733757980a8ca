#include "modules/van/breaker.hpp"

#include <algorithm>

namespace bookstore::van {

Breaker::Bucket& Breaker::bucket(std::int64_t now_ms) {
    const auto count = static_cast<std::int64_t>(buckets_.size());
    const std::int64_t width = std::max<std::int64_t>(options_.window_ms / count, 1);
    const std::int64_t number = now_ms / width;
    Bucket& bucket = buckets_[static_cast<std::size_t>(number % count)];
    if (bucket.number != number) {
        bucket = {.number = number, .calls = 0, .failures = 0};
    }
    return bucket;
}

bool Breaker::too_many_failures(std::int64_t now_ms) const {
    const auto count = static_cast<std::int64_t>(buckets_.size());
    const std::int64_t width = std::max<std::int64_t>(options_.window_ms / count, 1);
    std::int64_t calls = 0;
    std::int64_t failures = 0;
    for (const Bucket& bucket : buckets_) {
        if (bucket.number > now_ms / width - count) {
            calls += bucket.calls;
            failures += bucket.failures;
        }
    }
    return calls >= options_.request_volume && failures * 100 >= options_.error_percent * calls;
}

Breaker::Permit Breaker::ask(std::int64_t now_ms) {
    if (!open_) {
        return Permit::call;
    }
    if (trial_ || now_ms < open_until_ms_) {
        return Permit::none;
    }
    trial_ = true;
    return Permit::trial;
}

void Breaker::success(Permit permit, std::int64_t now_ms) {
    if (permit == Permit::trial) {
        open_ = false;
        trial_ = false;
        buckets_ = {};
    }
    ++bucket(now_ms).calls;
}

void Breaker::failure(Permit permit, std::int64_t now_ms) {
    Bucket& now = bucket(now_ms);
    ++now.calls;
    ++now.failures;
    if (permit == Permit::trial) {
        trial_ = false;
        open_until_ms_ = now_ms + options_.sleep_window_ms;
    } else if (!open_ && too_many_failures(now_ms)) {
        open_ = true;
        open_until_ms_ = now_ms + options_.sleep_window_ms;
    }
}

Breaker::State Breaker::state(std::int64_t now_ms) const {
    if (!open_) {
        return State::closed;
    }
    return trial_ || now_ms >= open_until_ms_ ? State::half_open : State::open;
}

std::int64_t Breaker::retry_after_ms(std::int64_t now_ms) const {
    return open_ ? std::max<std::int64_t>(open_until_ms_ - now_ms, 0) : 0;
}

}  // namespace bookstore::van
