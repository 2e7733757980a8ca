#include "app/serve.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <thread>

#include "app/event_stream.hpp"
#include "app/process_routes.hpp"
#include "app/threads.hpp"
#include "http/router.hpp"

namespace bookstore::app {
namespace {

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
    const storage::DirectoryLock lock(options.system.data_dir);
    const SystemClock clock;
    SystemRandom random;
    Threads threads;
    System system(options.system, clock, random, threads.ring());
    storage::sync_directory(options.system.data_dir);
    ProcessState state;

    auto routes = system.take_routes();
    std::ranges::move(process_routes(system, state), std::back_inserter(routes));
    routes.push_back(events_route(system.topic()));
    const http::Router router(std::move(routes));
    http::Server server(
        options.server,
        [&router](http::Request& request, http::Done done) {
            router.dispatch(request, std::move(done));
        },
        log_access
    );
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
