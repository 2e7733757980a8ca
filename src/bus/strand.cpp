#include "bus/strand.hpp"

#include <algorithm>

#include "storage/submitted_job.hpp"

namespace bookstore::bus {

void Strand::post(Callback callback) {
    bool first = false;
    {
        const std::scoped_lock lock(mutex_);
        first = posted_.empty();
        posted_.push_back(std::move(callback));
    }
    if (first) {
        ring_();
    }
}

void Strand::after(std::int64_t ms, Callback callback) {
    // The clock's milliseconds are cut off: up to one of the first has passed already.
    const std::int64_t whole_ms = ms > 0 ? ms + 1 : 0;
    {
        const std::scoped_lock lock(mutex_);
        timers_.emplace(clock_.steady_ms() + whole_ms, std::move(callback));
    }
    ring_();
}

void Strand::drop() {
    std::vector<Callback> posted;  // they go without the lock: what they hold may post
    std::multimap<std::int64_t, Callback> timers;
    const std::scoped_lock lock(mutex_);
    posted.swap(posted_);
    timers.swap(timers_);
}

bool Strand::step() {
    std::vector<Callback> due;
    {
        const std::scoped_lock lock(mutex_);
        due.swap(posted_);
        if (!timers_.empty()) {
            const auto end = timers_.upper_bound(clock_.steady_ms());
            for (auto timer = timers_.begin(); timer != end; ++timer) {
                due.push_back(std::move(timer->second));
            }
            timers_.erase(timers_.begin(), end);
        }
    }
    for (const Callback& callback : due) {
        storage::call_and_log("a callback of the module's thread", callback);
    }
    return !due.empty();
}

std::optional<std::int64_t> Strand::due_in_ms() {
    const std::scoped_lock lock(mutex_);
    if (timers_.empty()) {
        return std::nullopt;
    }
    return std::max<std::int64_t>(timers_.begin()->first - clock_.steady_ms(), 0);
}

}  // namespace bookstore::bus
