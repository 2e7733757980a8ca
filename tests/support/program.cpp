#include "support/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "support/eventually.hpp"
#include "support/temporary_directory.hpp"
#include "support/text_file.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace bookstore::test {
namespace {

int exit_status(int raw) {
    return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
}

}  // namespace

pid_t start_program(
    std::vector<std::string> words, const std::string& out, const std::string& error
) {
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

std::optional<int> exit_status_of(pid_t pid) {
    int raw = 0;
    return waitpid(pid, &raw, WNOHANG) == pid ? std::optional(exit_status(raw)) : std::nullopt;
}

Finished run_program(const std::vector<std::string>& words, std::chrono::seconds at_most) {
    const TemporaryDirectory files;
    const std::string out = files.path() + "/out";
    const std::string error = files.path() + "/error";
    const pid_t pid = start_program(words, out, error);
    std::optional<int> status;
    if (!eventually([&] { return (status = exit_status_of(pid)).has_value(); }, at_most)) {
        ::kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        status = 128 + SIGKILL;
    }
    return {.status = *status, .out = text_of_file(out), .error = text_of_file(error)};
}

}  // namespace bookstore::test
