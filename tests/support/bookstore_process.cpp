#include "support/bookstore_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "support/text_file.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace bookstore::test {
namespace {

pid_t spawn(std::vector<std::string> words, const std::string& out, const std::string& error) {
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, error.c_str(), flags, 0600);
    pid_t pid = -1;
    const int rc = posix_spawn(&pid, words[0].c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        throw std::runtime_error(fmt::format("cannot run {}: error {}", words[0], rc));
    }
    return pid;
}

int exit_status(int raw) {
    return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
}

/// The status, when it has ended.
std::optional<int> ended(pid_t pid) {
    int raw = 0;
    return waitpid(pid, &raw, WNOHANG) == pid ? std::optional(exit_status(raw)) : std::nullopt;
}

}  // namespace

const std::string& binary() {
    static const std::string path = [] {
        const char* other = std::getenv("BOOKSTORE_BINARY");
        return std::string(other == nullptr ? BOOKSTORE_BINARY : other);
    }();
    return path;
}

bool binary_is_sanitized() {
    static const bool is = [] {
        const std::string bytes = text_of_file(binary());
        return bytes.find("__asan_init") != std::string::npos ||
               bytes.find("__tsan_init") != std::string::npos;
    }();
    return is;
}

Finished run_program(const std::vector<std::string>& words) {
    const TemporaryDirectory files;
    const std::string out = files.path() + "/out";
    const std::string error = files.path() + "/error";
    const pid_t pid = spawn(words, out, error);
    std::optional<int> status;
    if (!eventually([&] { return (status = ended(pid)).has_value(); }, std::chrono::seconds(60))) {
        ::kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        status = 128 + SIGKILL;
    }
    return {.status = *status, .out = text_of_file(out), .error = text_of_file(error)};
}

Finished run_bookstore(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{binary()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_program(words);
}

BookstoreProcess::BookstoreProcess(
    const std::string& data_dir, std::vector<std::string> flags, Until until, int descriptors
) {
    std::vector<std::string> words{binary(), "serve", "--data-dir", data_dir};
    if (descriptors > 0) {
        const std::string limit = fmt::format("ulimit -n {}; exec \"$0\" \"$@\"", descriptors);
        words.insert(words.begin(), {"/bin/sh", "-c", limit});
    }
    if (std::ranges::find(flags, "--listen") == flags.end()) {
        words.insert(words.end(), {"--listen", "127.0.0.1:0"});
    }
    words.insert(words.end(), flags.begin(), flags.end());
    if (until == Until::listening) {
        words.insert(words.end(), {"--log-level", "debug"});
    }
    const std::string out = files_.path() + "/out";
    log_path_ = files_.path() + "/error";
    pid_ = spawn(words, out, log_path_);
    const std::string& told = until == Until::open ? out : log_path_;
    std::string line;
    const bool printed = eventually(
        [&] {
            status_ = ended(pid_);
            line = text_of_file(told);
            return status_ || line.find('\n', line.find("http://")) != std::string::npos;
        },
        std::chrono::seconds(120)
    );
    if (!printed || status_) {
        throw std::runtime_error("the bookstore did not start: " + log());
    }
    const auto begin = line.find("http://");
    url_ = line.substr(begin, line.find_first_of(",\n", begin) - begin);
}

BookstoreProcess::~BookstoreProcess() {
    if (!status_) {
        kill();
    }
}

http::ClientResponse BookstoreProcess::get(
    const std::string& target, std::vector<http::Header> headers
) {
    return send(http::Method::get, target, {}, std::move(headers));
}

http::ClientResponse BookstoreProcess::send(
    http::Method method,
    const std::string& target,
    const std::string& json,
    std::vector<http::Header> headers
) {
    if (!json.empty()) {
        headers.push_back({"Content-Type", "application/json"});
    }
    return http::fetch(method, http::parse_url(url_ + target), json, std::move(headers));
}

void BookstoreProcess::signal(int number) const {
    ::kill(pid_, number);
}

int BookstoreProcess::wait(std::chrono::seconds at_most) {
    if (!status_ && !eventually([&] { return (status_ = ended(pid_)).has_value(); }, at_most)) {
        throw std::runtime_error("the bookstore does not end: " + log());
    }
    return *status_;
}

void BookstoreProcess::kill() {
    signal(SIGKILL);
    wait();
}

std::string BookstoreProcess::log() const {
    return text_of_file(log_path_);
}

void BookstoreProcess::wait_until_ready() {
    const bool ready = eventually([&] { return get("/isReady").status == 200; });
    if (!ready) {
        throw std::runtime_error("the bookstore does not get ready: " + log());
    }
}

}  // namespace bookstore::test
