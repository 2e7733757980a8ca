#include "app/descriptors.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>

namespace bookstore::app {
namespace {

/// SQLite's, of one connection: the file and its WAL. The index of the WAL is a file's own.
constexpr std::size_t of_connection = 2;
constexpr std::size_t of_index = 1;
/// Who may read a file at a time, beside the I/O threads: the context's own thread, the relay,
/// a console's or a tool's request that reads it for long, and one to spare.
constexpr std::size_t other_readers = 4;
/// A source that holds its moment, and the copy of it.
constexpr std::size_t of_backed_up_file = of_connection + 2;
/// An I/O thread's poll, its wake-up and its timer; a port's thread has the same.
constexpr std::size_t of_io_thread = 3;
constexpr std::size_t ports = 3;
/// Standard streams, the listening socket, the directory's lock, a sort's temporary file, a probe
/// of the disk, what libraries open for a moment.
constexpr std::size_t others = 24;
/// Fewer are no service; the reserve is what may be needed at most, all at once.
constexpr std::size_t least_connections = 16;
constexpr std::size_t least_turned_away = 4;

rlim_t raised_limit(rlim_t wanted) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        rlimit more = limit;
        more.rlim_cur = std::min(wanted, limit.rlim_max);
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) {
            return more.rlim_cur;
        }
    }
    return limit.rlim_cur;
}

}  // namespace

std::size_t reserved_descriptors(const ServeOptions& options) {
    // A file a context that is hosted, and the topic, which has the relay's place.
    const std::size_t files = host::System::places(options.contexts, options.system);
    const std::size_t threads = options.server.threads;
    const std::size_t of_file = of_index + of_connection * (1 + threads + other_readers);
    const std::size_t peers = options.peers.origins.size();
    return files * (of_file + of_backed_up_file) + of_io_thread * (threads + ports + peers) +
           options.port_connections + http::operators_room(options.server) +
           peers * options.peers.calls + others;
}

void bound_connections(ServeOptions& options) {
    http::ServerOptions& server = options.server;
    const std::size_t reserved = reserved_descriptors(options);
    const std::size_t wanted =
        reserved + server.max_connections + server.threads * server.max_turned_away;
    const rlim_t limit = raised_limit(wanted);
    if (limit >= wanted) {
        return;
    }
    const std::size_t left = limit > reserved ? limit - reserved : 0;
    server.max_turned_away =
        std::clamp(left / 8 / server.threads, least_turned_away, server.max_turned_away);
    const std::size_t turned_away = server.threads * server.max_turned_away;
    const std::size_t fit =
        std::max(least_connections, left > turned_away ? left - turned_away : 0);
    if (fit >= server.max_connections) {
        return;
    }
    spdlog::warn(
        "{} open files are allowed, of which files, ports and backups may need {}: at most {} "
        "connections at a time instead of {}; more are answered with 503. Raise the limit "
        "(ulimit -n) to {}",
        limit,
        reserved,
        fit,
        server.max_connections,
        wanted
    );
    server.max_connections = fit;
}

}  // namespace bookstore::app
