#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bookstore::storage {

/// What a worker on a file that goes on after errors keeps of them: whether the storage works,
/// whether the error was logged, and how long to pause. One for each worker.
///
/// One thread, but for healthy(). Points in time are those of Clock::steady_ms.
class StorageTrouble {
  public:
    static constexpr std::int64_t pause_ms = 200;

    /// `who` begins each line of the log.
    explicit StorageTrouble(std::string who) : who_(std::move(who)) {}
    StorageTrouble(const StorageTrouble&) = delete;
    StorageTrouble& operator=(const StorageTrouble&) = delete;

    /// Logs `why` as an error, once until something succeeds, and for debugging after that: a log
    /// on the same full disk must not fill it too.
    void failed(std::string_view why);
    /// The same, and pauses.
    void failed(std::string_view why, std::int64_t steady_ms);
    /// The storage accepted something: the next error is logged again. A pause goes on, since it
    /// may be others' work that succeeded.
    void succeeded() { healthy_.store(true, std::memory_order_relaxed); }
    /// Nothing failed since something succeeded. Any thread.
    bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

    /// Pauses for pause_ms, whatever was paused for before.
    void pause(std::int64_t steady_ms) { retry_at_ms_ = steady_ms + pause_ms; }
    /// 0 when there is none (any more).
    std::int64_t pause_left_ms(std::int64_t steady_ms) const;
    /// false while a pause lasts. One that is over is forgotten.
    bool may_try(std::int64_t steady_ms);
    /// When the pause is over, be it in the past; nothing when there was none since may_try().
    std::optional<std::int64_t> retry_at_ms() const { return retry_at_ms_; }

  private:
    std::string who_;
    std::optional<std::int64_t> retry_at_ms_;
    std::atomic<bool> healthy_{true};
};

}  // namespace bookstore::storage
