#include "process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <thread>

#include "clients.hpp"
#include "figures.hpp"
#include "keep_alive.hpp"
#include "progress.hpp"

namespace bookstore::bench {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// A server of our own. It dies with this process at the latest.
class Server {
  public:
    Server(const std::string& binary, const std::string& data_dir) {
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
            throw std::runtime_error("no pipe");
        }
        start_ = Clock::now();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(pipe[1], STDOUT_FILENO);
            ::execl(
                binary.c_str(),
                binary.c_str(),
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--data-dir",
                data_dir.c_str(),
                "--log-level",
                "warning",
                nullptr
            );
            ::_exit(127);
        }
        ::close(pipe[1]);
        try {
            url_ = address_in(pipe[0]);
        } catch (...) {
            ::close(pipe[0]);
            end(SIGKILL);
            throw;
        }
        ::close(pipe[0]);
        listens_ms_ = ms_since(start_);
    }
    ~Server() { end(SIGKILL); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    const std::string& url() const { return url_; }
    double listens_ms() const { return listens_ms_; }

    /// Asks until it is ready; the time since it was started.
    double ready_ms() const {
        constexpr double patience_ms = 120'000;
        KeepAlive connection(url_);
        while (connection.get("/isReady").status != 200) {
            if (ms_since(start_) > patience_ms) {
                throw std::runtime_error("not ready within 120 s");
            }
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
        return ms_since(start_);
    }

    void end(int signal) {
        if (pid_ > 0) {
            ::kill(pid_, signal);
            ::waitpid(pid_, nullptr, 0);
            pid_ = 0;
        }
    }

  private:
    /// Out of "... listens on http://HOST:PORT".
    static std::string address_in(int fd) {
        std::string line;
        char byte = 0;
        while (::read(fd, &byte, 1) == 1 && byte != '\n') {
            line += byte;
        }
        const std::size_t at = line.find("http://");
        if (at == std::string::npos) {
            throw std::runtime_error("the server did not say where it listens: " + line);
        }
        return line.substr(at);
    }

    pid_t pid_ = 0;
    Clock::time_point start_;
    std::string url_;
    double listens_ms_ = 0;
};

/// Places orders until it is killed; how many came by then.
std::int64_t kill_under_load(const StartOptions& options) {
    Server server(options.binary, options.data_dir);
    server.ready_ms();
    Progress progress(options.data_dir);
    const std::int64_t before = progress.orders();
    std::string ended;
    std::jthread ordering([&server, &ended] {
        try {
            Clients clients(server.url(), 32);
            clients.ask(
                {.request = order_request(1, 1), .status = 201, .active = 32, .seconds = 3600}
            );
        } catch (const std::exception& error) {
            ended = error.what();  // it was killed
        }
    });
    std::this_thread::sleep_for(std::chrono::duration<double>(options.kill_after_s));
    const std::int64_t placed = progress.orders() - before;
    server.end(SIGKILL);
    ordering.join();
    if (placed == 0) {
        throw std::runtime_error("no order came before the kill: " + ended);
    }
    return placed;
}

}  // namespace

std::int64_t memory_kib(pid_t pid, const std::string& name) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ":")) {
            return std::stoll(line.substr(name.size() + 1));
        }
    }
    throw std::runtime_error(fmt::format("process {} says nothing about {}", pid, name));
}

void measure_memory(pid_t pid) {
    print_figure("rss_mb", static_cast<double>(memory_kib(pid, "VmRSS")) / 1024);
    print_figure("peak_mb", static_cast<double>(memory_kib(pid, "VmHWM")) / 1024);
}

void measure_start(const StartOptions& options) {
    if (options.kill_after_s >= 0) {
        const std::int64_t placed = kill_under_load(options);
        print_figure("killed_orders", static_cast<double>(placed));
    }
    Server server(options.binary, options.data_dir);
    const double ready_ms = server.ready_ms();
    print_figure("listens_ms", server.listens_ms());
    print_figure("ready_ms", ready_ms);
    server.end(SIGTERM);
}

void measure_connections(const ConnectionsOptions& options) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < options.connections + 100) {
        throw std::runtime_error(fmt::format(
            "{} connections need more open files than this shell may have; raise ulimit -n",
            options.connections
        ));
    }
    const Asking asking{
        .request = get_request(options.target), .active = options.active, .seconds = options.seconds
    };
    {
        Clients alone(options.url, options.active);
        auto answered = alone.ask(asking);
        print_figure("alone_p99_ms", percentile(answered.ms, 0.99));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    const std::int64_t before = memory_kib(options.pid, "VmRSS");
    Clients clients(options.url, options.connections);
    clients.ask(
        {.request = asking.request,
         .active = options.connections,
         .count = static_cast<std::int64_t>(options.connections)}
    );
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const auto grown = static_cast<double>(memory_kib(options.pid, "VmRSS") - before);
    print_figure("idle_kib", grown / static_cast<double>(options.connections));
    auto answered = clients.ask(asking);
    print_figure("get_ms", percentile(answered.ms, 0.5));
    print_figure("get_p99_ms", percentile(answered.ms, 0.99));
    print_figure("get_per_s", static_cast<double>(answered.count) / answered.seconds);
}

}  // namespace bookstore::bench
