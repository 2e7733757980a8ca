#include "adapters/http_ports.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>
#include <vector>

#include "base/trace.hpp"

namespace bookstore::adapters {
namespace {

using http::ClientResponse;
using order::Found;
using payment::VanAnswer;

constexpr std::int64_t back_every_ms = 1'000;  ///< for one that fails now and then

BreakerOptions with_timeout(BreakerOptions options, std::int64_t timeout_ms) {
    options.timeout_ms = timeout_ms;
    return options;
}

Breaker::OnTransition logged(std::string_view name) {
    return [name = std::string(name)](const Breaker::Transition& transition) {
        spdlog::warn(
            "port {}: its breaker is {}: {}", name, name_of(transition.to), transition.reason
        );
    };
}

bool is_found_or_not(const ClientResponse& response) {
    return response.status == 200 || response.status == 404;
}

bool is_charge_answer(const ClientResponse& response) {
    return response.status == 200 &&
           (response.body == "PAYMENT_COMPLETED" || response.body == "PAYMENT_FAILED");
}

bool is_cancel_answer(const ClientResponse& response) {
    return response.status == 200 && response.body == "PAYMENT_CANCELED";
}

http::PeerRequest van_request(std::string target, const std::string& key) {
    return {
        .method = http::Method::post,
        .target = std::move(target),
        .headers = {{"Idempotency-Key", key}}
    };
}

}  // namespace

HttpPort::HttpPort(
    std::string_view name,
    const http::Url& origin,
    std::int64_t timeout_ms,
    const PortOptions& options,
    const Clock& clock
)
    : name_(name),
      timeout_(timeout_ms),
      max_calls_(options.calls),
      clock_(clock),
      breaker_(with_timeout(options.breaker, timeout_ms), clock.steady_ms(), logged(name)),
      peer_({.origin = origin, .error_log = [name = name_](std::string_view what) {
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

std::function<void(std::int64_t, std::function<void(Found)>)> asks(
    HttpPort& port, std::string_view path
) {
    return [&port, path](std::int64_t id, std::function<void(Found)> done) {
        port.call(
            {.method = http::Method::get, .target = fmt::format("{}/{}", path, id)},
            is_found_or_not,
            [done = std::move(done)](const ClientResponse* response) {
                if (response == nullptr) {
                    done(Found::unavailable);
                } else {
                    done(response->status == 200 ? Found::yes : Found::no);
                }
            }
        );
    };
}

payment::VanPort van_port(HttpPort& port) {
    using Answered = std::function<void(VanAnswer)>;
    payment::VanPort result;
    result.charge = [&port](const std::string& key, Money amount, Answered done) {
        port.call(
            van_request(fmt::format("/requestPayment?payment={}", amount.text()), key),
            is_charge_answer,
            [done = std::move(done)](const ClientResponse* response) {
                if (response == nullptr) {
                    done(VanAnswer::none);
                } else {
                    const bool completed = response->body == "PAYMENT_COMPLETED";
                    done(completed ? VanAnswer::completed : VanAnswer::failed);
                }
            }
        );
    };
    result.cancel = [&port](const std::string& key, Answered done) {
        port.call(
            van_request("/cancelPayment", key),
            is_cancel_answer,
            [done = std::move(done)](const ClientResponse* response) {
                done(response == nullptr ? VanAnswer::none : VanAnswer::canceled);
            }
        );
    };
    return result;
}

HttpPorts::HttpPorts(const PortOptions& options, std::int64_t van_timeout_ms, const Clock& clock) {
    const auto make = [&](std::string_view name, const auto& origin, std::int64_t timeout_ms) {
        return origin ? std::make_unique<HttpPort>(name, *origin, timeout_ms, options, clock)
                      : nullptr;
    };
    customer_ = make("customer", options.customer, options.ask_timeout_ms);
    inventory_ = make("inventory", options.inventory, options.ask_timeout_ms);
    van_ = make("van", options.van, van_timeout_ms);
}

}  // namespace bookstore::adapters
