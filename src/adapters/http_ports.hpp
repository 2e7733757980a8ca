#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/breaker.hpp"
#include "base/clock.hpp"
#include "http/peer.hpp"
#include "modules/order/module.hpp"
#include "modules/payment/module.hpp"

namespace bookstore::adapters {

/// Which ports are answered by another process, and how they are asked.
struct PortOptions {
    std::optional<http::Url> customer{};
    std::optional<http::Url> inventory{};
    std::optional<http::Url> van{};
    std::int64_t ask_timeout_ms = 1'000;  ///< of customer and inventory
    std::size_t calls = 64;               ///< under way at a time, of each port
    BreakerOptions breaker{};             ///< of each port; the timeout is the port's own
};

/// A port that another process answers over HTTP: a breaker in front of kept connections, and a
/// bounded number of calls under way. Thread-safe.
class HttpPort {
  public:
    HttpPort(
        std::string_view name,
        const http::Url& origin,
        std::int64_t timeout_ms,
        const PortOptions& options,
        const Clock& clock
    );

    using IsAnswer = bool (*)(const http::ClientResponse& response);
    /// The answer, or null when there is none: called once, from any thread.
    using Done = std::function<void(const http::ClientResponse* response)>;

    /// What is no answer by `is_answer` is a failure to the breaker, and none to `done`.
    void call(http::PeerRequest request, IsAnswer is_answer, Done done);

    Breaker& breaker() { return breaker_; }
    /// `told` is called on the peer's thread when it answers again after it did not, at most once a
    /// second. Before the first call.
    void when_back(std::function<void()> told) { when_back_ = std::move(told); }

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

/// GET PATH/{id}: 200 is yes, 404 is no, all else is unavailable.
std::function<void(std::int64_t, std::function<void(order::Found)>)> asks(
    HttpPort& port, std::string_view path
);

/// VAN's POST /requestPayment and /cancelPayment, with the payment's key. What is not one of VAN's
/// words is no answer.
payment::VanPort van_port(HttpPort& port);

/// The ports that another process answers; null where it is asked in this process.
class HttpPorts {
  public:
    HttpPorts(const PortOptions& options, std::int64_t van_timeout_ms, const Clock& clock);

    HttpPort* customer() { return customer_.get(); }
    HttpPort* inventory() { return inventory_.get(); }
    HttpPort* van() { return van_.get(); }

  private:
    std::unique_ptr<HttpPort> customer_;
    std::unique_ptr<HttpPort> inventory_;
    std::unique_ptr<HttpPort> van_;
};

}  // namespace bookstore::adapters
