#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace bookstore::test {

/// Time that moves when it is told to. Thread-safe.
class VirtualClock final : public Clock {
  public:
    static constexpr std::int64_t start_ms = 1'599'713'435'000;  ///< 2020-09-10T04:50:35Z

    std::int64_t now_ms() const override { return now_ms_.load(std::memory_order_acquire); }
    std::int64_t steady_ms() const override { return steady_ms_.load(std::memory_order_acquire); }

    void advance(std::int64_t ms) {
        now_ms_.fetch_add(ms, std::memory_order_acq_rel);
        steady_ms_.fetch_add(ms, std::memory_order_acq_rel);
    }
    /// Somebody sets the wall clock, forward or back; the steady one goes on.
    void set_wall_clock(std::int64_t now_ms) { now_ms_.store(now_ms, std::memory_order_release); }

  private:
    std::atomic<std::int64_t> now_ms_{start_ms};
    std::atomic<std::int64_t> steady_ms_{1'000};
};

/// The same seed gives the same values, on every machine (splitmix64). Thread-safe.
class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

    std::string uuid() override {
        const std::uint64_t a = next();
        const std::uint64_t b = next();
        return fmt::format(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff'ffff'ffff
        );
    }
    std::int64_t below(std::int64_t bound) override {
        return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(bound));
    }
    /// True once in `times`.
    bool one_in(std::int64_t times) { return below(times) == 0; }

    std::uint64_t next() {
        std::uint64_t z =
            state_.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed) + 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

  private:
    std::atomic<std::uint64_t> state_;
};

}  // namespace bookstore::test
