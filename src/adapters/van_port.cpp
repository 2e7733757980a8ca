#include "adapters/van_port.hpp"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "kernel/hosted_module.hpp"
#include "modules/van/van.hpp"

namespace bookstore::adapters {
namespace {

using http::ClientResponse;
using payment::VanAnswer;
using Answered = std::function<void(VanAnswer)>;

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

/// Null: VAN is not hosted.
payment::VanPort port_in_process(kernel::HostedModule* module, van::Van* van) {
    payment::VanPort port;
    port.charge = [module, van](const std::string& key, Money amount, const Answered& done) {
        if (module == nullptr || !module->available()) {
            done(VanAnswer::none);
            return;
        }
        van->charge(key, amount, [done](van::Answer answer, std::chrono::milliseconds) {
            done(van_answer(answer));
        });
    };
    port.cancel = [module, van](const std::string& key, const Answered& done) {
        if (module == nullptr || !module->available()) {
            done(VanAnswer::none);
            return;
        }
        van->cancel(key, [done](van::Answer answer, std::chrono::milliseconds) {
            done(van_answer(answer));
        });
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

payment::VanPort port_over_http(HttpPort& port) {
    payment::VanPort result;
    result.charge = [&port](const std::string& key, Money amount, Answered done) {
        port.call(
            request_of(fmt::format("/requestPayment?payment={}", amount.text()), key),
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
            request_of("/cancelPayment", key),
            is_cancel_answer,
            [done = std::move(done)](const ClientResponse* response) {
                done(response == nullptr ? VanAnswer::none : VanAnswer::canceled);
            }
        );
    };
    return result;
}

}  // namespace

payment::VanPort van_port(
    kernel::Wiring& wiring, const VanPortOptions& options, const Clock& clock
) {
    if (!options.van) {
        return port_in_process(wiring.hosted("van"), wiring.offered<van::Van>("van"));
    }
    HttpPortOptions http = options.http;
    http.origin = *options.van;
    auto& port = wiring.offer("payment", std::make_shared<HttpPort>("van", http, clock));
    wiring.note_breaker("payment", "van", port.breaker());
    return port_over_http(port);
}

}  // namespace bookstore::adapters
