#include "bus/throttle.hpp"

#include <algorithm>
#include <cmath>

namespace bookstore::bus {
namespace {

constexpr std::int64_t measure_every_ms = 100;
constexpr std::int64_t needed_for_ms = 2'000;  ///< without a write put off, the limit goes

// How a lag that is a second longer, or shorter, than the steady one changes the rate: at once, and
// for good in each second. Found by trying them against handlers of 2,000 to 20,000 events a second
// that are up to 40 % quicker and slower in turn: what is placed now shows in the lag a second
// later, and most other choices swing.
constexpr double steady_lag_s = 0.8;
constexpr double at_once = 1.0;
constexpr double for_good = 0.1;
constexpr double least_part = 0.2;
constexpr double most_part = 1.4;

constexpr double first_part = 0.5;             ///< of what was placed in the second before
constexpr double least_per_s = 120;            ///< a few clients are never put off
constexpr std::int64_t worst_lag_ms = 10'000;  ///< a longer one counts as that

}  // namespace

std::int64_t Throttle::admit(std::int64_t now_ms, std::optional<std::int64_t> lag_ms) {
    const std::scoped_lock lock(mutex_);
    ++placed_;
    if (now_ms - measured_at_ms_ >= measure_every_ms) {
        measure(now_ms, lag_ms);
    }
    if (!base_) {
        return 0;
    }
    const auto now = static_cast<double>(now_ms);
    const double begins = std::max(next_at_ms_, now);
    next_at_ms_ = std::min(begins + 1000 / rate_, now + most_delay_ms);
    const auto delay_ms = static_cast<std::int64_t>(begins - now);
    if (delay_ms > 0) {
        needed_at_ms_ = now_ms;
    }
    return delay_ms;
}

void Throttle::measure(std::int64_t now_ms, std::optional<std::int64_t> measured_ms) {
    const double passed_s = static_cast<double>(now_ms - measured_at_ms_) / 1000;
    const double placed_per_s = static_cast<double>(placed_) / passed_s;
    placed_per_s_ += (placed_per_s - placed_per_s_) * std::min(passed_s, 1.0);
    measured_at_ms_ = now_ms;
    placed_ = 0;
    if (!measured_ms) {
        needed_at_ms_ = now_ms;
        keep();
        return;
    }
    const std::int64_t lag_ms = std::min(*measured_ms, worst_lag_ms);
    if (lag_ms > most_lag_ms) {
        needed_at_ms_ = now_ms;
    } else if (now_ms > needed_at_ms_ + needed_for_ms) {
        base_.reset();
        rate_ = 0;
    }
    if (base_ || lag_ms > most_lag_ms) {
        limit(lag_ms, std::min(passed_s, 1.0));
    }
}

void Throttle::keep() {
    base_ = base_.value_or(std::max(placed_per_s_, least_per_s));
    rate_ = rate_ == 0 ? *base_ : std::min(rate_, *base_);
}

void Throttle::limit(std::int64_t lag_ms, double passed_s) {
    const double over_s = static_cast<double>(lag_ms) / 1000 - steady_lag_s;
    base_ = base_ ? *base_ * std::exp(-for_good * over_s * passed_s) : placed_per_s_ * first_part;
    base_ = std::max(*base_, least_per_s);
    rate_ = std::max(*base_ * std::clamp(1 - at_once * over_s, least_part, most_part), least_per_s);
}

}  // namespace bookstore::bus
