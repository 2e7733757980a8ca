#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "base/breaker.hpp"
#include "base/clock.hpp"
#include "http/peer.hpp"

namespace bookstore::adapters {

/// How a port is asked that another process answers.
struct HttpPortOptions {
    http::Url origin{};
    std::int64_t timeout_ms = 1'000;
    std::size_t calls = 64;    ///< under way at a time
    BreakerOptions breaker{};  ///< its timeout is the port's
};

/// A port that another process answers over HTTP: a breaker in front of kept connections, and a
/// bounded number of calls under way. Thread-safe.
class HttpPort {
  public:
    /// `name` is that of the context which answers.
    HttpPort(std::string_view name, const HttpPortOptions& options, const Clock& clock);

    using IsAnswer = bool (*)(const http::ClientResponse& response);
    /// The answer, or null when there is none: called once, from any thread.
    using Done = std::function<void(const http::ClientResponse* response)>;

    /// What is no answer by `is_answer` is a failure to the breaker, and none to `done`.
    void call(http::PeerRequest request, IsAnswer is_answer, Done done);

    Breaker& breaker() { return breaker_; }
    /// `hook` is called on the peer's thread when it answers again after it did not, at most once a
    /// second. Before the first call.
    void when_back(std::function<void()> hook) { when_back_ = std::move(hook); }

  private:
    void note_back();
    void finish(
        const Breaker::Permit& permit,
        const std::expected<http::ClientResponse, std::string>& result,
        IsAnswer is_answer,
        const Done& done
    );

    const std::string name_;
    const std::chrono::milliseconds timeout_;
    const std::size_t max_calls_;
    const Clock& clock_;
    Breaker breaker_;
    std::atomic<std::size_t> calls_{0};
    std::function<void()> when_back_;
    bool failing_ = false;             ///< the last call that ended had no answer
    std::int64_t quiet_until_ms_ = 0;  ///< on Clock::steady_ms
    http::Peer peer_;                  ///< the first to go: its thread uses the rest
};

}  // namespace bookstore::adapters
