#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>

#include "base/metrics.hpp"
#include "http/server_stats.hpp"

namespace bookstore::http {

/// What one I/O thread counts. That thread adds; any thread collects, while the worker lives.
///
/// A count is made when its route first gives its status; from then on it is found without a lock
/// and without memory. There are as many as the routes have statuses: nothing of a client's
/// choosing makes one.
class RequestStats {
  public:
    RequestStats() = default;
    ~RequestStats() = default;
    RequestStats(const RequestStats&) = delete;
    RequestStats& operator=(const RequestStats&) = delete;

    void began() { began_.add(); }
    void ended() { ended_.add(); }
    void answered(
        Method method, std::uint32_t route, int status, std::chrono::nanoseconds duration
    );

    /// Adds what is counted here.
    void collect(ServerStats& into) const;

  private:
    static constexpr std::size_t most_routes = 512;  ///< those beyond count as none

    struct Cell {
        Method method;
        int status;
        Latencies durations{};
        std::atomic<Cell*> next{nullptr};
    };

    Latencies& durations_of(Method method, std::uint32_t route, int status);

    Counter began_;
    Counter ended_;
    std::array<std::atomic<Cell*>, most_routes> first_{};  ///< by route
    std::deque<Cell> cells_;                               ///< of the adding thread alone
};

/// What one I/O thread counts of handshakes; otherwise as RequestStats.
struct HandshakeStats {
    Counter full;
    Counter resumed;
    Counter failed;
    Counter plain;

    /// Adds what is counted here.
    void collect(HandshakeCounts& into) const {
        into.full += full.value();
        into.resumed += resumed.value();
        into.failed += failed.value();
        into.plain += plain.value();
    }
};

/// A request that is being answered, or none: counted as in flight from begin() on until end(), or
/// until this ends.
class InFlight {
  public:
    InFlight() = default;
    ~InFlight() { end(); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

    /// `stats` outlives it. There must be none.
    void begin(RequestStats& stats, std::chrono::steady_clock::time_point now) {
        stats_ = &stats;
        began_ = now;
        stats.began();
    }
    void end() {
        if (stats_ != nullptr) {
            stats_->ended();
        }
        stats_ = nullptr;
    }
    std::chrono::steady_clock::time_point began() const { return began_; }

  private:
    RequestStats* stats_ = nullptr;
    std::chrono::steady_clock::time_point began_;
};

}  // namespace bookstore::http
