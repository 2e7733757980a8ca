#pragma once

#include <chrono>
#include <string>

#include "app/logs.hpp"
#include "app/system.hpp"
#include "http/cors.hpp"
#include "http/server.hpp"

namespace bookstore::app {

struct ServeOptions {
    http::ServerOptions server;
    http::Cors cors;
    SystemOptions system;
    LogFormat log_format = LogFormat::text;
    std::string log_level = "info";
    std::chrono::milliseconds drain_delay{0};
    std::chrono::milliseconds drain_timeout{10'000};
};

/// Serves until SIGTERM or SIGINT, then ends gracefully: not ready, (drain delay), no new
/// connections, what is in flight is finished within the drain timeout, files flushed. A second
/// signal ends it at once. Prints the address that was bound. Returns the exit status; throws what
/// keeps it from starting.
int serve(ServeOptions options);

}  // namespace bookstore::app
