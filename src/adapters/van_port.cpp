#include "adapters/van_port.hpp"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "kernel/hosted_module.hpp"
#include "modules/payment/store.hpp"
#include "modules/van/van.hpp"
#include "storage/error.hpp"

namespace bookstore::adapters {
namespace {

using http::ClientResponse;
using payment::VanAnswer;
using payment::VanReply;
using Answered = payment::VanPort::Answered;

VanAnswer van_answer(van::Answer answer) {
    switch (answer) {
        case van::Answer::completed:
            return VanAnswer::completed;
        case van::Answer::failed:
            return VanAnswer::failed;
        case van::Answer::canceled:
            return VanAnswer::canceled;
        case van::Answer::unavailable:
        case van::Answer::other_amount:
            return VanAnswer::none;
    }
    return VanAnswer::none;
}

/// VAN has its answer on disk before payment hears it. No event tells of that, so the relay, which
/// sees when the other files are of different moments, cannot see it.
void require_same_moment(kernel::HostedModule& payment, kernel::HostedModule& van) {
    const storage::Reader payments = payment.read();
    const storage::Reader ledger = van.read();
    for (const auto& [key, refunded] : payment::store::newest_answered(*payments)) {
        if (!van::ledger_has(*ledger, key, refunded)) {
            throw storage::Refused(fmt::format(
                "the data directory was put together from different moments: payment.db has a "
                "payment that VAN {}, which van.db does not know (key {}); restore both from one "
                "backup, or say where VAN runs (--van-url) if that is not here",
                refunded ? "refunded" : "answered",
                key
            ));
        }
    }
}

/// Null: VAN is not hosted.
payment::VanPort port_in_process(kernel::HostedModule* module, van::Van* van) {
    const auto when_answered = [](const Answered& done) {
        return [done](van::Answer answer, std::chrono::milliseconds retry_after) {
            done({.answer = van_answer(answer), .retry_after = retry_after});
        };
    };
    payment::VanPort port;
    port.charge =
        [module, van, when_answered](const std::string& key, Money amount, const Answered& done) {
            if (module == nullptr || !module->available()) {
                done({});
                return;
            }
            van->charge(key, amount, when_answered(done));
        };
    port.cancel = [module, van, when_answered](const std::string& key, const Answered& done) {
        if (module == nullptr || !module->available()) {
            done({});
            return;
        }
        van->cancel(key, when_answered(done));
    };
    return port;
}

bool is_charge_answer(const ClientResponse& response) {
    return response.status == 200 &&
           (response.body == "PAYMENT_COMPLETED" || response.body == "PAYMENT_FAILED");
}

bool is_cancel_answer(const ClientResponse& response) {
    return response.status == 200 && response.body == "PAYMENT_CANCELED";
}

http::PeerRequest request_of(std::string target, const std::string& key) {
    return {
        .method = http::Method::post,
        .target = std::move(target),
        .headers = {{"Idempotency-Key", key}}
    };
}

/// No refund waits behind a charge: each of the two has a port of its own.
payment::VanPort port_over_http(HttpPort& charges, HttpPort& refunds) {
    payment::VanPort result;
    result.charge = [&charges](const std::string& key, Money amount, Answered done) {
        charges.call(
            request_of(fmt::format("/requestPayment?payment={}", amount.text()), key),
            is_charge_answer,
            [done = std::move(done)](const HttpPort::Reply& reply) {
                if (reply.response == nullptr) {
                    done({.answer = VanAnswer::none, .retry_after = reply.retry_after});
                    return;
                }
                const bool completed = reply.response->body == "PAYMENT_COMPLETED";
                done(
                    {.answer = completed ? VanAnswer::completed : VanAnswer::failed,
                     .retry_after = {}}
                );
            }
        );
    };
    result.cancel = [&refunds](const std::string& key, Answered done) {
        refunds.call(
            request_of("/cancelPayment", key),
            is_cancel_answer,
            [done = std::move(done)](const HttpPort::Reply& reply) {
                const bool canceled = reply.response != nullptr;
                done(
                    {.answer = canceled ? VanAnswer::canceled : VanAnswer::none,
                     .retry_after = reply.retry_after}
                );
            }
        );
    };
    return result;
}

HttpPortOptions charge_options(const VanPortOptions& options) {
    constexpr std::int64_t impatient_ms = 1'000;
    HttpPortOptions http = options.http;
    http.origin = *options.van;
    http.keeps_to_retry_after = true;
    // VAN goes on with a charge that is given up here, and answers it from its ledger when it is
    // asked again: at the latest when its own call of the network has timed out.
    http.patience = {
        .calls = http.calls / 2,
        .timeout_ms = impatient_ms,
        .ask_again_ms = http.breaker ? http.breaker->timeout_ms : http.timeout_ms
    };
    return http;
}

HttpPortOptions refund_options(const VanPortOptions& options) {
    HttpPortOptions http = options.http;
    http.origin = *options.van;
    http.keeps_to_retry_after = true;
    http.breaker.reset();  // VAN cancels from its ledger: a refund is asked for whatever else fails
    return http;
}

}  // namespace

payment::VanPort van_port(
    kernel::Wiring& wiring, const VanPortOptions& options, const Clock& clock
) {
    if (!options.van) {
        auto* const van = wiring.offered<van::Van>("van");
        kernel::HostedModule* const module = wiring.hosted("van");
        if (van != nullptr) {
            van->when_back(wiring.back_of("payment"));
        }
        kernel::HostedModule* const payment = wiring.hosted("payment");
        if (module != nullptr && payment != nullptr) {
            require_same_moment(*payment, *module);
        }
        return port_in_process(module, van);
    }
    const auto offer = [&](std::string_view name, const HttpPortOptions& http) -> HttpPort& {
        auto& port = wiring.offer("payment", std::make_shared<HttpPort>(name, http, clock));
        port.when_back(wiring.back_of("payment"));
        return port;
    };
    HttpPort& charges = offer("van", charge_options(options));
    HttpPort& refunds = offer("van, refunds", refund_options(options));
    wiring.note_breaker("payment", "van", *charges.breaker());
    return port_over_http(charges, refunds);
}

}  // namespace bookstore::adapters
