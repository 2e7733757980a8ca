#include "support/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
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

/// When it began: with its pid, a process and never another one. Empty: it is gone.
std::string start_time_of(pid_t pid) {
    const std::string stat = text_of_file(fmt::format("/proc/{}/stat", pid));
    const auto name_end = stat.rfind(") ");
    if (name_end == stat.npos) {
        return {};
    }
    std::istringstream fields(stat.substr(name_end + 2));
    std::string field;
    constexpr int start_time = 22;  // proc(5); behind the name is the third
    for (int i = 3; i <= start_time; ++i) {
        fields >> field;
    }
    return field;
}

/// Reads pids (of groups: negative) and their times, and kills those that are still there.
constexpr auto undertaker = R"(
    declare -A started
    while read -r -u 3 pid time; do started[$pid]=$time; done
    for pid in "${!started[@]}"; do
        read -r stat 2>/dev/null <"/proc/${pid#-}/stat" || continue
        set -- ${stat##*) }
        [[ ${20} != "${started[$pid]}" ]] || kill -KILL -- "$pid"
    done)";

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    return argv;
}

}  // namespace

int start_survivor(const std::string& script, const std::vector<std::string>& arguments) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        throw std::runtime_error("no pipe");
    }
    std::vector<std::string> words{
        "/bin/bash", "-c", "exec 3<&0; (" + script + "\n) &", "survivor"
    };
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto argv = pointers_to(words);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    pid_t pid = -1;
    const int rc = posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    if (rc != 0) {
        throw std::runtime_error("nobody would end what is started");
    }
    waitpid(pid, nullptr, 0);
    return ends[1];
}

void ends_with_us(pid_t pid) {
    static const int told = start_survivor(undertaker);
    const std::string line = fmt::format("{} {}\n", pid, start_time_of(std::abs(pid)));
    if (::write(told, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        throw std::runtime_error("nobody would end what was started");
    }
}

pid_t start_program(std::vector<std::string> words, const Output& output, bool leads) {
    const auto argv = pointers_to(words);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | (output.appends ? O_APPEND : O_TRUNC);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output.out.c_str(), flags, 0600);
    if (output.error.empty()) {
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
    } else {
        posix_spawn_file_actions_addopen(&actions, 2, output.error.c_str(), flags, 0600);
    }
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, leads ? POSIX_SPAWN_SETPGROUP : 0);
    pid_t pid = -1;
    const int rc = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        throw std::runtime_error(fmt::format(
            "cannot run {} (error {}): scripts/setup test installs what tests need", words[0], rc
        ));
    }
    ends_with_us(leads ? -pid : pid);
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
    const pid_t pid = start_program(words, {.out = out, .error = error});
    std::optional<int> status;
    if (!eventually([&] { return (status = exit_status_of(pid)).has_value(); }, at_most)) {
        ::kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        status = 128 + SIGKILL;
    }
    return {.status = *status, .out = text_of_file(out), .error = text_of_file(error)};
}

}  // namespace bookstore::test
