#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "http/cors.hpp"
#include "http/hosts.hpp"
#include "http/rate_limiter.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "observe/trace_requests.hpp"

namespace bookstore::app {

/// Where every request comes in: begins its trace, decides on host names and on CORS, refuses while
/// the process starts, limits how often clients ask, and hands on to the router. Any thread.
class Entrance {
  public:
    /// All outlive it.
    Entrance(
        const http::Hosts& hosts, const http::Cors& cors, observe::TraceRequests& trace_requests
    )
        : hosts_(hosts), cors_(cors), trace_requests_(trace_requests) {}

    /// The process has started: from now on requests are the router's, which outlives the server.
    void open(const http::Router& router) { router_.store(&router, std::memory_order_release); }

    /// From now on requests are limited: but for probes, what comes to the operators' listener, and
    /// what comes from nobody's address. `limiter` outlives it. Before the server starts.
    void limit(http::RateLimiter& limiter) { limiter_ = &limiter; }
    /// Who asks, where that is known better than by the address: the subject of a token that was
    /// verified. Empty: by the address. Before the server starts.
    using SubjectOf = std::function<std::string(const http::Request&)>;
    void limit_by(SubjectOf subject_of) { subject_of_ = std::move(subject_of); }

    void dispatch(http::Request& request, http::Done done);
    /// Its part in every answer and every refusal by the header alone, and the log of errors.
    http::Server::Hooks hooks();

  private:
    std::optional<http::Problem> admit(http::Request& request) const;
    void show_rate(const http::Request& request, http::Response& response) const;
    std::optional<http::Problem> header_problem(http::Request& request) const;
    std::optional<http::Answer> intercept(http::Request& request) const;

    const http::Hosts& hosts_;
    const http::Cors& cors_;
    observe::TraceRequests& trace_requests_;
    http::RateLimiter* limiter_ = nullptr;
    SubjectOf subject_of_;
    std::atomic<const http::Router*> router_{nullptr};
};

}  // namespace bookstore::app
