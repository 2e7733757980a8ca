#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/health.hpp"
#include "host/system.hpp"
#include "http/rate_limiter.hpp"
#include "http/server.hpp"
#include "kernel/operation.hpp"

namespace bookstore::observe {

class AuditLog;
class Exposition;

/// What Prometheus is told of the process: everything is counted where it happens, and read here
/// when somebody asks.
class Metrics {
  public:
    struct Options {
        std::string data_dir;
        std::string_view version;
        const http::RateLimiter* limiter = nullptr;  ///< null: there is none
        const AuditLog* audit = nullptr;             ///< null: none is kept
    };

    Metrics(
        host::System& system,
        const host::Health& health,
        const http::Server& server,
        Options options
    );

    /// How the routes are called that requests are counted by. Before they are served.
    void name_routes(const std::vector<http::Route>& routes);

    /// Any thread.
    std::string text() const;

  private:
    void write_process(Exposition& out) const;
    void write_http(Exposition& out) const;
    void write_tls(Exposition& out) const;
    void write_audit(Exposition& out) const;
    void write_health(Exposition& out) const;
    void write_commits(Exposition& out) const;
    void write_files(Exposition& out) const;
    void write_outboxes(Exposition& out) const;
    void write_subscriptions(Exposition& out) const;
    void write_held(Exposition& out) const;
    void write_tasks(Exposition& out) const;
    void write_events(Exposition& out) const;
    void write_breakers(Exposition& out) const;
    void write_partition(Exposition& out) const;
    std::string_view route_of(std::uint32_t number) const;

    host::System& system_;
    const host::Health& health_;
    const http::Server& server_;
    Options options_;
    std::vector<std::string> routes_;
};

/// GET /metrics
kernel::Endpoint metrics_endpoint(const Metrics& metrics);

}  // namespace bookstore::observe
