#include "adapters/http_port.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "base/trace.hpp"
#include "base/words.hpp"

namespace bookstore::adapters {
namespace {

using http::ClientResponse;

constexpr std::int64_t back_every_ms = 1'000;  ///< for one that fails now and then

BreakerOptions with_timeout(BreakerOptions options, std::int64_t timeout_ms) {
    options.timeout_ms = timeout_ms;
    return options;
}

Breaker::OnTransition logged(std::string_view name) {
    return [name = std::string(name)](const Breaker::Transition& transition) {
        spdlog::warn(
            "port {}: its breaker is {}: {}", name, word(transition.to), transition.reason
        );
    };
}

}  // namespace

HttpPort::HttpPort(std::string_view name, const HttpPortOptions& options, const Clock& clock)
    : name_(name),
      timeout_(options.timeout_ms),
      max_calls_(options.calls),
      clock_(clock),
      breaker_(with_timeout(options.breaker, options.timeout_ms), clock.steady_ms(), logged(name)),
      peer_({.origin = options.origin, .error_log = [name = name_](std::string_view what) {
                 spdlog::error("port {}: {}", name, what);
             }}) {}

void HttpPort::call(http::PeerRequest request, IsAnswer is_answer, Done done) {
    const auto refuse = [this, &done] {
        calls_.fetch_sub(1, std::memory_order_acq_rel);
        done(nullptr);
    };
    if (calls_.fetch_add(1, std::memory_order_acq_rel) >= max_calls_) {
        spdlog::debug("port {}: {} calls are under way, no more", name_, max_calls_);
        refuse();
        return;
    }
    const auto permit = breaker_.ask(clock_.steady_ms());
    if (permit == Breaker::Permit::none) {
        refuse();
        return;
    }
    request.timeout = timeout_;
    if (auto parent = current_traceparent(); !parent.empty()) {
        request.headers.push_back({"traceparent", std::move(parent)});
    }
    peer_.send(
        std::move(request),
        [this, permit, is_answer, done = std::move(done)](const auto& result) {
            finish(permit, result, is_answer, done);
        }
    );
}

void HttpPort::finish(
    const Breaker::Permit& permit,
    const std::expected<ClientResponse, std::string>& result,
    IsAnswer is_answer,
    const Done& done
) {
    calls_.fetch_sub(1, std::memory_order_acq_rel);
    if (result && is_answer(*result)) {
        breaker_.success(permit, clock_.steady_ms());
        note_back();
        done(&*result);
        return;
    }
    const auto why = result ? fmt::format("it answered {}", result->status) : result.error();
    spdlog::debug("port {}: {}", name_, why);
    breaker_.failure(permit, clock_.steady_ms());
    failing_ = true;
    done(nullptr);
}

/// On the peer's thread alone.
void HttpPort::note_back() {
    if (!failing_ || !when_back_ || clock_.steady_ms() < quiet_until_ms_) {
        return;
    }
    failing_ = false;
    quiet_until_ms_ = clock_.steady_ms() + back_every_ms;
    when_back_();
}

}  // namespace bookstore::adapters
