#pragma once

#include <cstdint>
#include <string>

#include "host/system.hpp"

namespace bookstore::tools {

struct EventsOptions {
    bool from_beginning = false;
    bool follow = false;  ///< without from_beginning it follows in any case
    std::string url;
    std::string data_dir;  ///< if given: read there, where no process holds it
};

/// Prints the JSON lines of events. Returns the exit status.
int print_events(const EventsOptions& options, const host::Contexts& contexts);

struct RebuildOptions {
    std::string read_model;  ///< my-page or payment-history
    std::string url;
    std::string data_dir;  ///< if given: done there, where no process holds it
};

/// Rebuilds a read model and waits until it is done. Returns the exit status.
int rebuild(const RebuildOptions& options, const host::Contexts& contexts);

struct HealthcheckOptions {
    std::string url;
    std::int64_t timeout_ms = 2000;
};

/// Asks /isHealthy. 0: it is healthy; 1: it is not, or does not answer, and why is on standard
/// error.
int healthcheck(const HealthcheckOptions& options);

}  // namespace bookstore::tools
