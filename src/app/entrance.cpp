#include "app/entrance.hpp"

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

}  // namespace

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
        .precheck = [this](http::Request& request) { return header_problem(request); },
        .decorate =
            [this](const http::Request& request, http::Response& response) {
                trace_requests_.answered(request, response);
                cors_.decorate(request, response);
            },
        .error_log = [](std::string_view request_id, std::string_view what
                     ) { spdlog::error("request {}: {}", request_id, what); },
        .notice = [](std::string_view what) { spdlog::warn("{}", what); }
    };
}

}  // namespace bookstore::app
