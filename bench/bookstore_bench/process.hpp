#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace bookstore::bench {

/// Of /proc/PID/status, in KiB: VmRSS, VmHWM. Throws std::runtime_error.
std::int64_t memory_kib(pid_t pid, const std::string& name);

/// Figures: rss_mb (what is resident now), peak_mb.
void measure_memory(pid_t pid);

struct StartOptions {
    std::string binary;
    std::string data_dir;
    double kill_after_s = -1;  ///< then, by SIGKILL, with orders coming in; below 0: it is stopped
};

/// Starts the program on that directory and asks /isReady until it says 200. Figures: listens_ms,
/// ready_ms, each from the fork on.
/// With `kill_after_s` that is done twice: the first process is killed in the midst of orders, and
/// the second one is measured; also printed: killed_orders.
void measure_start(const StartOptions& options);

struct ConnectionsOptions {
    std::string url;
    pid_t pid = 0;
    std::size_t connections = 10'000;
    std::size_t active = 100;
    double seconds = 5;
    std::string target = "/orders/1";
};

/// Opens all, each asks once, then they rest, then the active ones ask as fast as they are
/// answered. Figures: idle_kib (of the server's resident memory, a connection), get_ms, get_p99_ms,
/// get_per_s; and, of the active ones with no others open, alone_p99_ms.
void measure_connections(const ConnectionsOptions& options);

}  // namespace bookstore::bench
