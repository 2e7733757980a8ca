#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bookstore {

/// Numbers that are counted where things happen and read when somebody asks. Each belongs to one
/// thread at a time, which alone adds; any thread reads. Adding takes no lock, no locked
/// instruction and no memory. What is read together need not be of one moment, but no number ever
/// falls.
class Counter {
  public:
    void add(std::uint64_t amount = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// What a histogram has counted.
struct HistogramCounts {
    std::span<const std::uint64_t> bounds;  ///< ascending; each is the most that its bucket takes
    std::vector<std::uint64_t> buckets;     ///< one more than bounds: what is beyond the last
    std::uint64_t sum = 0;
    double scale = 1;  ///< what a value of 1 is in the unit that is shown

    std::uint64_t count() const {
        std::uint64_t total = 0;
        for (const std::uint64_t bucket : buckets) {
            total += bucket;
        }
        return total;
    }
    /// Adds what another one with the same bounds has counted.
    void add(const HistogramCounts& other) {
        for (std::size_t i = 0; i < buckets.size(); ++i) {
            buckets[i] += other.buckets[i];
        }
        sum += other.sum;
    }
};

/// Whole numbers by the buckets of `bounds`, an array that lives as long as the program. As a
/// Counter: one thread adds.
template <const auto& bounds>
class Histogram {
  public:
    void add(std::uint64_t value) {
        std::size_t bucket = 0;
        while (bucket < bounds.size() && value > bounds[bucket]) {
            ++bucket;
        }
        buckets_[bucket].add();
        sum_.add(value);
    }
    HistogramCounts counts(double scale = 1) const {
        HistogramCounts result{.bounds = bounds, .buckets = {}, .sum = 0, .scale = scale};
        for (const Counter& bucket : buckets_) {
            result.buckets.push_back(bucket.value());
        }
        result.sum = sum_.value();
        return result;
    }

  private:
    std::array<Counter, bounds.size() + 1> buckets_;
    Counter sum_;
};

/// Durations in nanoseconds, shown in seconds.
template <const auto& bounds>
class Durations {
  public:
    void add(std::chrono::nanoseconds time) {
        histogram_.add(time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0);
    }
    HistogramCounts counts() const { return histogram_.counts(1e-9); }

  private:
    Histogram<bounds> histogram_;
};

inline constexpr std::uint64_t one_us = 1'000;  // ns
inline constexpr std::uint64_t one_ms = 1'000'000;
inline constexpr std::uint64_t one_s = 1'000'000'000;

/// Of what waits for a disk or a network.
inline constexpr std::array<std::uint64_t, 16> latency_bounds{
    50 * one_us,
    100 * one_us,
    250 * one_us,
    500 * one_us,
    one_ms,
    2500 * one_us,
    5 * one_ms,
    10 * one_ms,
    25 * one_ms,
    50 * one_ms,
    100 * one_ms,
    250 * one_ms,
    500 * one_ms,
    one_s,
    2500 * one_ms,
    10 * one_s
};
/// Of what computes.
inline constexpr std::array<std::uint64_t, 12> handler_bounds{
    5 * one_us,
    10 * one_us,
    25 * one_us,
    50 * one_us,
    100 * one_us,
    250 * one_us,
    500 * one_us,
    one_ms,
    5 * one_ms,
    25 * one_ms,
    100 * one_ms,
    one_s
};
/// Of how many go together.
inline constexpr std::array<std::uint64_t, 11> batch_bounds{
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024
};

using Latencies = Durations<latency_bounds>;
using HandlerDurations = Durations<handler_bounds>;
using BatchSizes = Histogram<batch_bounds>;

/// Adds the time from its construction to its destruction.
template <class Times>
class Timed {
  public:
    explicit Timed(Times& times) : times_(times) {}
    ~Timed() { times_.add(std::chrono::steady_clock::now() - began_); }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;

  private:
    Times& times_;
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace bookstore
