#pragma once

#include <atomic>
#include <optional>

#include "http/cors.hpp"
#include "http/hosts.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "observe/trace_requests.hpp"

namespace bookstore::app {

/// Where every request comes in: begins its trace, decides on host names and on CORS, refuses while
/// the process starts, and hands on to the router. A limit for all requests belongs here. Any
/// thread.
class Entrance {
  public:
    /// All outlive it.
    Entrance(
        const http::Hosts& hosts, const http::Cors& cors, observe::TraceRequests& trace_requests
    )
        : hosts_(hosts), cors_(cors), trace_requests_(trace_requests) {}

    /// The process has started: from now on requests are the router's, which outlives the server.
    void open(const http::Router& router) { router_.store(&router, std::memory_order_release); }

    void dispatch(http::Request& request, http::Done done);
    /// Its part in every answer and every refusal by the header alone, and the log of errors.
    http::Server::Hooks hooks();

  private:
    std::optional<http::Problem> header_problem(http::Request& request) const;
    std::optional<http::Answer> intercept(http::Request& request) const;

    const http::Hosts& hosts_;
    const http::Cors& cors_;
    observe::TraceRequests& trace_requests_;
    std::atomic<const http::Router*> router_{nullptr};
};

}  // namespace bookstore::app
