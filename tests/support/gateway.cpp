#include "support/gateway.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "http/client.hpp"
#include "support/eventually.hpp"
#include "support/program.hpp"
#include "support/text_file.hpp"

namespace bookstore::test {
namespace {

std::string shipped(const std::string& name) {
    std::string text = text_of_file(PROJECT_ROOT "/deploy/split/" + name);
    if (text.empty()) {
        throw std::runtime_error("deploy/split/" + name + " is not there");
    }
    return text;
}

/// Wherever it stands; it must stand somewhere.
void replace_all(std::string& text, const std::string& from, const std::string& to) {
    auto at = text.find(from);
    if (at == text.npos) {
        throw std::runtime_error("the gateway's configuration has no " + from);
    }
    for (; at != text.npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

constexpr auto nginx = "/usr/sbin/nginx";  ///< Debian's, where only root's PATH leads

std::vector<std::string> command_line(const std::string& directory) {
    // Workers of a master that is root would be somebody who may not look into the directory.
    const std::string user = ::geteuid() == 0 ? "user root; " : "";
    return {
        std::filesystem::exists(nginx) ? nginx : "nginx",
        "-p",
        directory,
        "-c",
        directory + "/nginx.conf",
        "-e",
        "stderr",
        "-g",
        user + "daemon off;"
    };
}

}  // namespace

GatewayPorts all_at(std::uint16_t port) {
    GatewayPorts ports;
    for (const std::string name :
         {"customer", "book", "order", "delivery", "payment", "paymenthistory", "van"}) {
        ports.emplace(name, port);
    }
    return ports;
}

Gateway::Gateway(const GatewayPorts& ports, const GatewayOptions& options)
    : operators_ports_(options.operators_ports) {
    std::string main = shipped("nginx.conf");
    replace_all(main, "listen 8080;", fmt::format("listen 127.0.0.1:{};", port_.at(0)));
    if (options.impatient) {
        replace_all(main, "proxy_read_timeout 30s;", "proxy_read_timeout 1s;");
    }
    if (options.operators) {
        replace_all(main, "#     include operators.conf;", "include operators.conf;");
    }
    std::ofstream(files_.path() + "/nginx.conf") << main;
    write_upstreams(ports);
    std::ofstream(files_.path() + "/operators.conf") << shipped("operators.conf");
    start();
}

Gateway::~Gateway() {
    kill();
}

void Gateway::write_upstreams(const GatewayPorts& ports) const {
    std::string upstreams = shipped("upstreams.conf");
    for (const auto& [name, port] : ports) {
        replace_all(
            upstreams, "server " + name + ":8080", fmt::format("server 127.0.0.1:{}", port)
        );
    }
    const auto& at = operators_ports_.empty() ? ports : operators_ports_;
    for (const auto& [name, port] : at) {
        if (name == "van") {
            continue;  // it hosts no read model, and is not asked for the others
        }
        replace_all(
            upstreams, "server " + name + ":8081", fmt::format("server 127.0.0.1:{}", port)
        );
    }
    if (upstreams.find(":808") != upstreams.npos) {
        throw std::runtime_error("the gateway wants more upstreams than it was given");
    }
    std::ofstream(files_.path() + "/upstreams.conf") << upstreams;
}

std::set<pid_t> Gateway::workers() const {
    std::set<pid_t> pids;
    std::istringstream children(text_of_file(fmt::format("/proc/{0}/task/{0}/children", pid_)));
    for (pid_t pid = 0; children >> pid;) {
        pids.insert(pid);
    }
    return pids;
}

void Gateway::reload(const GatewayPorts& ports) {
    write_upstreams(ports);
    const std::set<pid_t> before = workers();
    ::kill(pid_, SIGHUP);
    // The old ones listen no more: they answer what they have, and leave.
    const auto leaves = [](pid_t old) {
        const std::string title = text_of_file(fmt::format("/proc/{}/cmdline", old));
        return title.empty() || title.contains("shutting down");
    };
    const bool reloaded = eventually([&] {
        const std::set<pid_t> now = workers();
        return std::ranges::any_of(now, [&](pid_t pid) { return !before.contains(pid); }) &&
               std::ranges::all_of(before, leaves);
    });
    if (!reloaded) {
        throw std::runtime_error("nginx does not reload: " + log());
    }
}

std::string Gateway::url() const {
    return fmt::format("http://127.0.0.1:{}", port_.at(0));
}

void Gateway::start() {
    // Its workers are signalled with it.
    pid_ = start_program(
        command_line(files_.path()), {.out = files_.path() + "/log", .appends = true}, true
    );
    const http::Url probe = http::parse_url(url() + "/isReady");
    const bool listens = eventually([&] {
        if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
            pid_ = -1;
            throw std::runtime_error("nginx ended: " + log());
        }
        try {
            return http::fetch(http::Method::get, probe).status == 200;
        } catch (const std::exception&) {
            return false;
        }
    });
    if (!listens) {
        throw std::runtime_error("nginx does not listen: " + log());
    }
}

void Gateway::signal_all(int number) const {
    if (pid_ > 0) {
        ::kill(-pid_, number);
    }
}

void Gateway::stop() {
    ::kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);  // the master waits for its workers
    pid_ = -1;
}

void Gateway::kill() {
    if (pid_ > 0) {
        signal_all(SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

void Gateway::freeze() {
    signal_all(SIGSTOP);
}

void Gateway::thaw() {
    signal_all(SIGCONT);
}

std::string Gateway::log() const {
    return text_of_file(files_.path() + "/log");
}

}  // namespace bookstore::test
