#include "victim.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "support/bookstore_process.hpp"
#include "support/text_file.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace bookstore::test {
namespace {

constexpr auto poll = std::chrono::milliseconds(2);

}  // namespace

Victim::Victim(const std::string& data_dir, const std::vector<std::string>& flags)
    : out_path_(data_dir + ".out") {
    std::vector<std::string> words{
        binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir
    };
    words.insert(words.end(), flags.begin(), flags.end());
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    const std::string log_path = data_dir + ".log";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(
        &actions, 1, out_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600
    );
    posix_spawn_file_actions_addopen(
        &actions, 2, log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600
    );
    const int rc = posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        throw std::runtime_error("cannot run " + words[0]);
    }
}

Victim::~Victim() {
    if (!status_) {
        kill();
    }
}

std::optional<std::string> Victim::url_until(std::chrono::steady_clock::time_point deadline) {
    while (std::chrono::steady_clock::now() < deadline) {
        const std::string out = text_of_file(out_path_);
        if (const auto end = out.find('\n'); end != std::string::npos) {
            const auto begin = out.find("http://");
            return out.substr(begin, end - begin);
        }
        if (has_ended()) {
            throw std::runtime_error("the bookstore ended before it listened");
        }
        std::this_thread::sleep_for(poll);
    }
    return std::nullopt;
}

bool Victim::has_ended() {
    int raw = 0;
    if (!status_ && waitpid(pid_, &raw, WNOHANG) == pid_) {
        status_ = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    }
    return status_.has_value();
}

int Victim::kill() {
    if (has_ended()) {
        return *status_;
    }
    ::kill(pid_, SIGKILL);
    return wait();
}

void Victim::signal_end() const {
    ::kill(pid_, SIGTERM);
}

int Victim::stop() {
    ::kill(pid_, SIGTERM);
    return wait();
}

int Victim::wait() {
    int raw = 0;
    waitpid(pid_, &raw, 0);
    status_ = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    return *status_;
}

}  // namespace bookstore::test
