#include "modules/van/module.hpp"

#include <fmt/format.h>

#include <boost/json/value.hpp>

#include "kernel/idempotency.hpp"
#include "kernel/module.hpp"
#include "kernel/schema.hpp"

namespace bookstore::van {
namespace {

using http::Method;
using http::Request;

http::Answer answer_of(const Reply& reply) {
    http::Response response;
    response.content_type = "text/plain;charset=UTF-8";
    switch (reply.answer) {
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
    const std::int64_t seconds = std::max<std::int64_t>(
        std::chrono::ceil<std::chrono::seconds>(reply.retry_after).count(), 1
    );
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
    const auto answered = [done](const Reply& reply) { done(answer_of(reply)); };
    const auto key = kernel::idempotency_key(request);
    if (!key) {
        done(key.error());
    } else if (key->empty()) {
        van.charge(*amount, answered);
    } else {
        van.charge(std::string(*key), *amount, answered);
    }
}

/// POST /cancelPayment with the charge's Idempotency-Key: PAYMENT_CANCELED.
void cancel_payment(Van& van, const Request& request, const http::Done& done) {
    const auto key = kernel::idempotency_key(request);
    if (!key) {
        done(key.error());
        return;
    }
    if (key->empty()) {
        done(kernel::problem(
            400, "the header Idempotency-Key is missing: the one that the charge was requested with"
        ));
        return;
    }
    van.cancel(std::string(*key), [done](const Reply& reply) { done(answer_of(reply)); });
}

kernel::Schema answer_schema(const std::vector<std::string>& answers) {
    return kernel::words_schema(answers);
}

kernel::Parameter key_parameter(bool required) {
    return kernel::idempotency_key_parameter(
        required, "names the charge for ever: the same key gets the same answer"
    );
}

/// For payment, and for drills: no customer has to do with it.
kernel::Endpoint endpoint(Method method, std::string pattern, kernel::Operation operation) {
    kernel::Endpoint result{.route = {.audience = http::Role::operators}};
    result.route.method = method;
    result.route.pattern = std::move(pattern);
    result.route.produces = http::Produces::text;
    result.route.head = false;
    result.operation = std::move(operation);
    result.operation.tag = "van";
    return result;
}

kernel::Operation request_operation(std::string id) {
    return {
        .tag = {},
        .id = std::move(id),
        .summary = "Charge an amount at the card network",
        .description =
            "An amount of 0 makes the network hang, and the circuit breaker before it "
            "answers PAYMENT_FAILED after its timeout.",
        .parameters =
            {{.name = "payment",
              .required = true,
              .description = "the amount, with at most 2 fraction digits",
              .schema =
                  boost::json::object{
                      {"type", "number"},
                      {"format", "double"},
                      {"minimum", 0},
                      {"maximum", 999999999999.99},
                      {"multipleOf", 0.01}
                  },
              .example = 1000},
             key_parameter(false)},
        .replies =
            {{.status = 200,
              .description = "the network's answer, or the breaker's",
              .type = "text/plain",
              .schema = answer_schema({"PAYMENT_COMPLETED", "PAYMENT_FAILED"}),
              .example = "PAYMENT_COMPLETED"},
             {.status = 422, .description = "this Idempotency-Key was used with another amount"},
             {.status = 503,
              .description = "for a call with a key: the breaker is open, or as many hang as may"}}
    };
}

void install(kernel::Module& module, Van& van) {
    const auto request = [&van](const Request& r, const http::Done& done) {
        request_payment(van, r, done);
    };
    module.route(
        endpoint(Method::get, "/requestPayment", request_operation("requestPayment")), request
    );
    module.route(
        endpoint(Method::post, "/requestPayment", request_operation("postRequestPayment")), request
    );
    kernel::Operation cancel{
        .tag = {},
        .id = "cancelPayment",
        .summary = "Take a charge back",
        .parameters = {key_parameter(true)},
        .replies =
            {{.status = 200,
              .description = "it is taken back, also when it was never charged",
              .type = "text/plain",
              .schema = answer_schema({"PAYMENT_CANCELED"}),
              .example = "PAYMENT_CANCELED"}}
    };
    module.route(
        endpoint(Method::post, "/cancelPayment", std::move(cancel)),
        [&van](const Request& r, const http::Done& done) { cancel_payment(van, r, done); }
    );
}

}  // namespace

kernel::Context context(const Options& options) {
    return {
        .name = "van",
        .holds = "VAN's ledger: which payments were charged",
        .install =
            [options](kernel::Module& module, kernel::Wiring& wiring) {
                Van& van = wiring.offer("van", std::make_shared<Van>(module, options));
                wiring.note_breaker("van", "keyless", van.keyless_breaker());
                wiring.note_breaker("van", "keyed", van.keyed_breaker());
                install(module, van);
            }
    };
}

}  // namespace bookstore::van
