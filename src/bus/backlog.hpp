#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace bookstore::bus {

/// Why events wait, where some do: those of an outbox for the relay, or of the log for a
/// subscription. Only those that are worked off wait for their turn alone.
enum class BacklogState {
    empty,
    working,
    catching_up,  ///< with what came while the context did not run
    stopped,      ///< the context, by an operator
    failing,      ///< the last try: what is in the way is in the log
};
constexpr std::array<std::string_view, 5> words_of(BacklogState) {
    return {"EMPTY", "WORKING", "CATCHING_UP", "STOPPED", "FAILING"};
}

/// What of the log a subscription still has to handle, as far as it knows: from its position to the
/// last event for it that it was told of. Any thread, unless said otherwise.
class Backlog {
  public:
    /// There is an event for it at `end`, or there may be one: it came at now_ms.
    void extend_to(std::int64_t end, std::int64_t now_ms) {
        if (empty()) {
            set_waiting_since_ms(now_ms);
        }
        std::int64_t known = end_.load(std::memory_order_relaxed);
        while (known < end && !end_.compare_exchange_weak(known, end, std::memory_order_acq_rel)) {
        }
    }
    /// Everything up to there is handled or held, or not for it. Module's thread.
    void move_to(std::int64_t position) { position_.store(position, std::memory_order_release); }

    std::int64_t position() const { return position_.load(std::memory_order_acquire); }
    bool empty() const { return position() >= end_.load(std::memory_order_acquire); }
    /// How many events of the log follow its position, up to the last one for it.
    std::int64_t size() const {
        const std::int64_t end = end_.load(std::memory_order_acquire);
        return std::max<std::int64_t>(end - position(), 0);
    }
    /// When the oldest event that waits came, about; of no meaning when none waits.
    std::int64_t waiting_since_ms() const {
        return waiting_since_ms_.load(std::memory_order_relaxed);
    }
    void set_waiting_since_ms(std::int64_t ms) {
        waiting_since_ms_.store(ms, std::memory_order_relaxed);
    }

  private:
    std::atomic<std::int64_t> end_{0};
    std::atomic<std::int64_t> position_{0};
    std::atomic<std::int64_t> waiting_since_ms_{0};
};

}  // namespace bookstore::bus
