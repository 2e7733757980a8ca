#include "app/serve.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "app/api.hpp"
#include "app/threads.hpp"
#include "app/web_routes.hpp"
#include "http/router.hpp"

namespace bookstore::app {
namespace {

constexpr std::size_t files_and_more = 256;  ///< descriptors beside the connections

/// SIGTERM and SIGINT, blocked in every thread, taken by whoever waits.
class Signals {
  public:
    Signals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        // A client or a pipe that went away is an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN);
    }

    int wait() const {
        int number = 0;
        sigwait(&set_, &number);
        return number;
    }

    /// From now on a signal ends the process at once.
    void release() const {
        std::thread([set = set_] {
            int number = 0;
            sigwait(&set, &number);
            _exit(128 + number);
        }).detach();
    }

  private:
    sigset_t set_{};
};

/// A connection is a descriptor: as many as the limit allows, and those of our files.
void raise_descriptor_limit(std::size_t connections) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t wanted = connections + files_and_more;
    if (limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted) {
        spdlog::warn(
            "only {} open files are allowed, fewer than --max-connections wants; raise the limit "
            "(ulimit -n)",
            limit.rlim_cur
        );
    }
}

/// CORS before routing: a preflight is for any path.
void dispatch(
    const http::Cors& cors, const http::Router& router, http::Request& request, http::Done done
) {
    if (auto answer = cors.intercept(request)) {
        done(std::move(*answer));
    } else {
        router.dispatch(request, std::move(done));
    }
}

/// What dispatch would refuse.
std::optional<http::Problem> refusal(
    const http::Cors& cors, const http::Router& router, http::Request& request
) {
    auto answer = cors.intercept(request);
    if (!answer) return router.refusal(request);
    auto* problem = std::get_if<http::Problem>(&*answer);
    return problem != nullptr ? std::optional(std::move(*problem)) : std::nullopt;
}

void finish(
    const ServeOptions& options, ProcessState& state, http::Server& server, Threads& threads
) {
    state.stopping = true;
    std::this_thread::sleep_for(options.drain_delay);
    server.stop(options.drain_timeout);
    threads.stop();
}

}  // namespace

int serve(ServeOptions options) {
    set_up_log(options.log_format, options.log_level);
    const Signals signals;
    raise_descriptor_limit(options.server.max_connections);
    const storage::DirectoryLock lock(options.system.data_dir);
    const SystemClock clock;
    SystemRandom random;
    Threads threads;
    System system(options.system, clock, random, threads.ring());
    storage::sync_directory(options.system.data_dir);
    ProcessState state;

    auto routes = api_routes(system, state, BOOKSTORE_VERSION);
    std::ranges::move(web_routes(), std::back_inserter(routes));
    const http::Router router(std::move(routes));
    http::Server server(
        options.server,
        [&](http::Request& request, http::Done done) {
            dispatch(options.cors, router, request, std::move(done));
        },
        log_access
    );
    server.set_hooks({
        .precheck = [&](http::Request& request) { return refusal(options.cors, router, request); },
        .decorate = [&](const http::Request& request,
                        http::Response& response) { options.cors.decorate(request, response); },
        .error_log = [](std::string_view request_id, std::string_view what
                     ) { spdlog::error("request {}: {}", request_id, what); },
    });
    threads.start(system);
    server.start();
    fmt::print("bookstore listens on http://{}\n", server.address());
    std::fflush(stdout);

    const int number = signals.wait();
    signals.release();
    spdlog::info("signal {}: finishing what is under way", number);
    finish(options, state, server, threads);
    spdlog::info("stopped");
    return 0;
}

}  // namespace bookstore::app
