#include "adapters/http_port.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/trace.hpp"
#include "base/words.hpp"
#include "http/text.hpp"

namespace bookstore::adapters {
namespace {

using http::ClientResponse;

using std::chrono::milliseconds;

constexpr std::int64_t back_every_ms = 1'000;  ///< for one that fails now and then

HttpPortOptions made_consistent(HttpPortOptions options) {
    if (options.breaker) {
        options.breaker->timeout_ms = options.timeout_ms;
    }
    if (options.patience && options.patience->timeout_ms >= options.timeout_ms) {
        options.patience.reset();  // the whole timeout is short already
    }
    return options;
}

Breaker::OnTransition logged(std::string_view name) {
    return [name = std::string(name)](const Breaker::Transition& transition) {
        spdlog::warn(
            "port {}: its breaker is {}: {}", name, word(transition.to), transition.reason
        );
    };
}

/// What a 503 says about when to ask again; nothing where it is none, or does not say it in seconds
/// (a date needs two clocks that agree).
std::optional<milliseconds> retry_after(const ClientResponse& response) {
    if (response.status != 503) {
        return std::nullopt;
    }
    const auto field = std::ranges::find_if(response.headers, [](const http::Header& header) {
        return http::equal_ignoring_case(header.name, "Retry-After");
    });
    if (field == response.headers.end()) {
        return std::nullopt;
    }
    const std::string_view text = field->value;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    constexpr std::int64_t most = 86'400;
    if (error != std::errc{} || end != text.data() + text.size() || seconds < 0) {
        return std::nullopt;
    }
    return std::chrono::seconds(std::min(seconds, most));
}

}  // namespace

HttpPort::HttpPort(std::string_view name, const HttpPortOptions& options, const Clock& clock)
    : name_(name),
      options_(made_consistent(options)),
      clock_(clock),
      peer_(
          {.origin = options.origin,
           .tls = options.tls,
           .error_log = [name = name_](std::string_view what
                        ) { spdlog::error("port {}: {}", name, what); }}
      ) {
    if (options_.breaker) {
        breaker_.emplace(*options_.breaker, clock.steady_ms(), logged(name_));
    }
}

void HttpPort::call(http::PeerRequest request, IsAnswer is_answer, Done done) {
    const auto refuse = [this, &done](milliseconds retry_after) {
        calls_.fetch_sub(1, std::memory_order_acq_rel);
        done({.response = nullptr, .retry_after = retry_after});
    };
    if (calls_.fetch_add(1, std::memory_order_acq_rel) >= options_.calls) {
        spdlog::debug("port {}: {} calls are under way, no more", name_, options_.calls);
        refuse({});
        return;
    }
    const std::int64_t now = clock_.steady_ms();
    Breaker::Permit permit{.kind = Breaker::Permit::call};
    if (breaker_) {
        permit = breaker_->ask(now);
        if (permit == Breaker::Permit::none) {
            refuse(breaker_->retry_after(now));
            return;
        }
    }
    const bool patient = take_patience(permit);
    request.timeout = milliseconds(patient ? options_.timeout_ms : options_.patience->timeout_ms);
    if (auto parent = current_traceparent(); !parent.empty()) {
        request.headers.push_back({"traceparent", std::move(parent)});
    }
    if (options_.token) {
        request.headers.push_back(options_.token->header());
    }
    Call call{permit, std::move(is_answer), std::move(done), patient, now};
    peer_.send(std::move(request), [this, call = std::move(call)](const auto& result) {
        finish(call, result);
    });
}

/// Whether the next call may take the whole timeout. The breaker's trial may: it decides by it.
bool HttpPort::take_patience(const Breaker::Permit& permit) {
    if (!options_.patience) {
        return true;
    }
    const bool room =
        patient_calls_.fetch_add(1, std::memory_order_acq_rel) < options_.patience->calls;
    if (room || permit == Breaker::Permit::trial) {
        return true;
    }
    patient_calls_.fetch_sub(1, std::memory_order_acq_rel);
    return false;
}

/// On the peer's thread alone.
void HttpPort::finish(const Call& call, const Result& result) {
    calls_.fetch_sub(1, std::memory_order_acq_rel);
    if (call.patient && options_.patience) {
        patient_calls_.fetch_sub(1, std::memory_order_acq_rel);
    }
    call.done(reply_to(call, result));
}

/// Tells the breaker how the call ended.
HttpPort::Reply HttpPort::reply_to(const Call& call, const Result& result) {
    const std::int64_t now = clock_.steady_ms();
    const auto alive = [this, &call, now] {
        if (breaker_) {
            breaker_->success(call.permit, now);
        }
    };
    if (result && call.is_answer(*result)) {
        alive();
        note_back();
        return {.response = &*result, .retry_after = {}};
    }
    if (const auto later = result ? retry_after(*result) : std::nullopt) {
        spdlog::debug("port {}: it wants to be asked again in {} ms", name_, later->count());
        alive();
        failing_ = failing_ || !options_.keeps_to_retry_after;
        return {.response = nullptr, .retry_after = *later};
    }
    if (!result && !call.patient && now - call.began_ms >= options_.patience->timeout_ms) {
        spdlog::debug("port {}: given up after {} ms", name_, options_.patience->timeout_ms);
        return {.response = nullptr, .retry_after = milliseconds(options_.patience->ask_again_ms)};
    }
    const auto why = result ? fmt::format("it answered {}", result->status) : result.error();
    if (result && (result->status == 401 || result->status == 403) && !failing_) {
        spdlog::error(
            "port {}: {}: it does not let this process in (--port-token-file)", name_, why
        );
    }
    spdlog::debug("port {}: {}", name_, why);
    if (breaker_) {
        breaker_->failure(call.permit, now);
    }
    failing_ = true;
    return {};
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
