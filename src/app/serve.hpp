#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "auth/key_source.hpp"
#include "auth/token.hpp"
#include "host/system.hpp"
#include "http/cors.hpp"
#include "http/hosts.hpp"
#include "http/rate_limiter.hpp"
#include "http/server.hpp"
#include "kafka/settings.hpp"
#include "observe/logs.hpp"
#include "peers/peers.hpp"

namespace bookstore::app {

/// By whose tokens who asks is known, and what they must say.
struct AuthOptions {
    auth::KeyPlaces keys;
    auth::Policy policy;
};

struct ServeOptions {
    http::ServerOptions server;
    http::Cors cors;
    http::Hosts hosts;
    std::optional<http::RateLimit> rate_limit{};  ///< of each client
    std::optional<AuthOptions> auth{};            ///< nothing: whoever asks may
    host::Contexts contexts;
    host::SystemOptions system;
    observe::LogFormat log_format = observe::LogFormat::text;
    std::string log_level = "info";
    std::string audit_log{};                 ///< a file's path; empty: none is kept
    std::size_t port_connections = 0;        ///< at a time, to processes that answer ports
    peers::PeersOptions peers;               ///< the other processes of a split
    std::optional<kafka::Settings> kafka{};  ///< nothing: topic.db is the log itself
    std::chrono::seconds kafka_patience{0};  ///< without a broker, then unhealthy; 0: never
    std::chrono::milliseconds drain_delay{0};
    std::chrono::milliseconds drain_timeout{10'000};
    std::chrono::milliseconds stall_timeout{10'000};
    std::optional<std::chrono::seconds> exit_when_unhealthy{};
};

/// Serves until SIGTERM or SIGINT, then ends gracefully: not ready, (drain delay), no new
/// connections, what is in flight is finished within the drain timeout, files flushed. A second
/// signal ends it at once, and so does one before the files are open. It listens at once; when the
/// files are open and migrated it prints the address that was bound, and it is ready when every
/// context has caught up. Unhealthy for longer than `exit_when_unhealthy`, it ends by itself, in
/// the same way, with status 1. Returns the exit status; throws what keeps it from starting.
int serve(const ServeOptions& given);

}  // namespace bookstore::app
