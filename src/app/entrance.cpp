#include "app/entrance.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <string_view>
#include <utility>
#include <variant>

#include "kernel/command.hpp"

namespace bookstore::app {
namespace {

/// An orchestrator must not end a process because its files take long to open.
http::Answer while_starting(const http::Request& request) {
    if (request.path == "/isHealthy") {
        return http::Response{};
    }
    return kernel::unavailable("the process is starting: its files are opened and migrated");
}

/// Whoever watches the process is not to take a busy customer's limit for an illness.
bool is_probe(std::string_view path) {
    return path == "/isReady" || path == "/isHealthy" || path == "/actuator/health";
}

}  // namespace

std::optional<http::Problem> Entrance::admit(http::Request& request) const {
    if (limiter_ == nullptr || request.door == http::Door::operators || is_probe(request.path)) {
        return std::nullopt;
    }
    const auto now = http::RateLimiter::Clock::now();
    const std::string subject = subject_of_ ? subject_of_(request) : std::string();
    if (subject.empty() && request.client == http::IpAddress{}) {
        return std::nullopt;
    }
    const auto verdict =
        subject.empty() ? limiter_->take(request.client, now) : limiter_->take(subject, now);
    request.rate = verdict.state;
    if (verdict.allowed) {
        return std::nullopt;
    }
    return http::Problem{
        429,
        fmt::format(
            "You ask too often: one client may send {} requests a second in the long run.",
            limiter_->per_s()
        ),
        {},
        {{"Retry-After", fmt::format("{}", verdict.retry_after_s)}}
    };
}

void Entrance::show_rate(const http::Request& request, http::Response& response) const {
    if (request.rate) {
        response.headers.push_back({"RateLimit-Policy", limiter_->policy()});
        response.headers.push_back(
            {"RateLimit",
             fmt::format(R"("default";r={};t={})", request.rate->left, request.rate->reset_s)}
        );
    }
}

/// The answer to what no path needs to be known for. A preflight is for any.
std::optional<http::Answer> Entrance::intercept(http::Request& request) const {
    request.foreign_name = !hosts_.know(request);
    if (auto refusal = hosts_.refusal(request)) {
        return std::move(*refusal);
    }
    return cors_.intercept(request);
}

void Entrance::dispatch(http::Request& request, http::Done done) {
    trace_requests_.arrived(request);
    if (auto answer = intercept(request)) {
        done(std::move(*answer));
    } else if (const http::Router* router = router_.load(std::memory_order_acquire)) {
        router->dispatch(request, std::move(done));
    } else {
        done(while_starting(request));
    }
}

std::optional<http::Problem> Entrance::header_problem(http::Request& request) const {
    auto answer = intercept(request);
    if (!answer) {
        const http::Router* router = router_.load(std::memory_order_acquire);
        return router == nullptr ? std::nullopt : router->header_problem(request);
    }
    auto* problem = std::get_if<http::Problem>(&*answer);
    return problem != nullptr ? std::optional(std::move(*problem)) : std::nullopt;
}

http::Server::Hooks Entrance::hooks() {
    return {
        .admit = limiter_ != nullptr
                     ? [this](http::Request& request) { return admit(request); }
                     : std::function<std::optional<http::Problem>(http::Request&)>(),
        .precheck = [this](http::Request& request) { return header_problem(request); },
        .decorate =
            [this](const http::Request& request, http::Response& response) {
                trace_requests_.answered(request, response);
                if (const http::Router* router = router_.load(std::memory_order_acquire)) {
                    router->decorate(request, response);
                }
                show_rate(request, response);
                cors_.decorate(request, response);
            },
        .error_log = [](std::string_view request_id, std::string_view what
                     ) { spdlog::error("request {}: {}", request_id, what); },
        .notice = [](std::string_view what) { spdlog::warn("{}", what); }
    };
}

}  // namespace bookstore::app
