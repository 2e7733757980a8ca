#include "modules/van/module.hpp"

#include <fmt/format.h>

namespace bookstore::van {
namespace {

using http::Method;
using http::Request;

http::Answer answer_of(Answer answer, std::int64_t retry_after_ms) {
    http::Response response;
    response.content_type = "text/plain;charset=UTF-8";
    switch (answer) {
        case Answer::completed:
            response.body = "PAYMENT_COMPLETED";
            return response;
        case Answer::failed:
            response.body = "PAYMENT_FAILED";
            return response;
        case Answer::canceled:
            response.body = "PAYMENT_CANCELED";
            return response;
        case Answer::other_amount:
            return kernel::problem(
                422, "this Idempotency-Key was used with another amount; use a new one"
            );
        case Answer::unavailable:
            break;
    }
    auto problem =
        kernel::unavailable("VAN does not answer now; repeat with the same Idempotency-Key");
    const std::int64_t seconds = std::max<std::int64_t>((retry_after_ms + 999) / 1000, 1);
    problem.headers = {{"Retry-After", std::to_string(seconds)}};
    return problem;
}

/// GET and POST /requestPayment?payment=AMOUNT: PAYMENT_COMPLETED, or PAYMENT_FAILED when the
/// network hangs or the breaker is open. With an Idempotency-Key the answer is recorded first.
void request_payment(Van& van, const Request& request, const http::Done& done) {
    const auto text = request.parameter("payment");
    const auto amount = text ? Money::parse(*text) : std::nullopt;
    if (!amount) {
        http::Problem problem{
            .status = 400,
            .message = text ? "the query parameter payment must be an amount from 0 to "
                              "999999999999.99 with at most 2 fraction digits"
                            : "the query parameter payment is missing: the amount, for example "
                              "/requestPayment?payment=1000",
            .errors = {{"payment", "must be an amount", std::nullopt}}
        };
        if (text) {
            problem.errors[0].rejected_value = std::string(*text);
        }
        done(std::move(problem));
        return;
    }
    const auto answered = [done](Answer answer, std::int64_t retry_after_ms) {
        done(answer_of(answer, retry_after_ms));
    };
    const auto key = request.header("Idempotency-Key");
    if (key && !key->empty()) {
        van.charge(std::string(*key), *amount, answered);
    } else {
        van.charge(*amount, answered);
    }
}

/// POST /cancelPayment with the charge's Idempotency-Key: PAYMENT_CANCELED.
void cancel_payment(Van& van, const Request& request, const http::Done& done) {
    const auto key = request.header("Idempotency-Key");
    if (!key || key->empty()) {
        done(kernel::problem(
            400, "the header Idempotency-Key is missing: the one that the charge was requested with"
        ));
        return;
    }
    van.cancel(std::string(*key), [done](Answer answer, std::int64_t retry_after_ms) {
        done(answer_of(answer, retry_after_ms));
    });
}

http::Route route(
    Method method,
    std::string pattern,
    std::function<void(const Request&, const http::Done&)> handler
) {
    return {
        .method = method,
        .pattern = std::move(pattern),
        .produces = http::Produces::text,
        .consumes = http::Consumes::nothing,
        .head = false,
        .handler = std::move(handler)
    };
}

}  // namespace

std::unique_ptr<Van> install(kernel::Module& module, const Options& options) {
    auto van = std::make_unique<Van>(module, options);
    const auto request = [van = van.get()](const Request& r, const http::Done& done) {
        request_payment(*van, r, done);
    };
    module.route(route(Method::get, "/requestPayment", request));
    module.route(route(Method::post, "/requestPayment", request));
    module.route(route(
        Method::post,
        "/cancelPayment",
        [van = van.get()](const Request& r, const http::Done& done) {
            cancel_payment(*van, r, done);
        }
    ));
    return van;
}

}  // namespace bookstore::van
