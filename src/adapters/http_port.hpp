#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/breaker.hpp"
#include "base/clock.hpp"
#include "http/peer.hpp"
#include "http/token_file.hpp"

namespace bookstore::adapters {

/// How a port is asked that another process answers.
struct HttpPortOptions {
    http::Url origin{};
    http::ClientTls tls{};  ///< where the origin is https
    /// What it says who it is by; null: nothing. Shared by all ports of the process.
    std::shared_ptr<http::TokenFile> token{};
    std::int64_t timeout_ms = 1'000;
    std::size_t calls = 64;  ///< under way at a time
    /// Its timeout is the port's. Without a breaker the peer is always asked.
    std::optional<BreakerOptions> breaker{BreakerOptions{}};

    /// For calls that may be given up and asked again, since the peer remembers its answer: so that
    /// those over which it hangs do not take the room of those that it would answer.
    struct Patience {
        std::size_t calls = 0;          ///< so many may take the whole timeout, of all `calls`
        std::int64_t timeout_ms = 0;    ///< then the others are given up
        std::int64_t ask_again_ms = 0;  ///< and may be asked again
    };
    std::optional<Patience> patience{};

    /// Its caller asks again when Reply::retry_after says, and need not be told that the peer is
    /// back after it has said so.
    bool keeps_to_retry_after = false;
};

/// A port that another process answers over HTTP: a breaker in front of kept connections, and a
/// bounded number of calls under way. Thread-safe.
///
/// A peer that answers 503 with Retry-After is alive, and wants to be asked later: no failure for
/// the breaker. Neither is a call that was given up for want of patience.
class HttpPort {
  public:
    /// `name` is that of the context which answers.
    HttpPort(std::string_view name, const HttpPortOptions& options, const Clock& clock);

    using IsAnswer = std::function<bool(const http::ClientResponse& response)>;
    struct Reply {
        const http::ClientResponse* response = nullptr;  ///< null: there is no answer
        /// Without one: how long until it may be asked again, where that is known; else 0.
        std::chrono::milliseconds retry_after{0};
    };
    /// Called once, from any thread.
    using Done = std::function<void(const Reply&)>;

    /// What is no answer by `is_answer` is a failure to the breaker, and none to `done`.
    void call(http::PeerRequest request, IsAnswer is_answer, Done done);

    /// Null where it has none.
    Breaker* breaker() { return breaker_ ? &*breaker_ : nullptr; }
    /// `hook` is called on the peer's thread when it answers again after it did not, at most once a
    /// second. Before the first call.
    void when_back(std::function<void()> hook) { when_back_ = std::move(hook); }

  private:
    using Result = std::expected<http::ClientResponse, std::string>;
    /// A call under way.
    struct Call {
        Breaker::Permit permit;
        IsAnswer is_answer;
        Done done;
        bool patient = true;  ///< it may take the whole timeout
        std::int64_t began_ms = 0;
    };

    void note_back();
    bool take_patience(const Breaker::Permit& permit);
    void finish(const Call& call, const Result& result);
    Reply reply_to(const Call& call, const Result& result);

    const std::string name_;
    const HttpPortOptions options_;
    const Clock& clock_;
    std::optional<Breaker> breaker_;
    std::atomic<std::size_t> calls_{0};
    std::atomic<std::size_t> patient_calls_{0};
    std::function<void()> when_back_;
    bool failing_ = false;             ///< the last call that ended had no answer
    std::int64_t quiet_until_ms_ = 0;  ///< on Clock::steady_ms
    http::Peer peer_;                  ///< the first to go: its thread uses the rest
};

}  // namespace bookstore::adapters
