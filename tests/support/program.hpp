#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bookstore::test {

/// What a command that ran to its end left behind.
struct Finished {
    int status = 0;  ///< exit status; 128 + signal when one ended it
    std::string out;
    std::string error;
};

/// Runs that program with its arguments to its end; it is killed when it takes longer.
Finished run_program(
    const std::vector<std::string>& words, std::chrono::seconds at_most = std::chrono::seconds(60)
);

/// When this program has ended, in whatever way, that child is killed if it is still there; a
/// negative one: that process group, while its leader is.
void ends_with_us(pid_t pid);

/// Starts bash with that script, which reads from 3 what is written to the end of a pipe that is
/// returned, until that is closed: at the latest when this program has ended. It is no child of
/// ours, so that who ends this program and its children does not end it.
int start_survivor(const std::string& script, const std::vector<std::string>& arguments = {});

/// Where a program's output goes.
struct Output {
    std::string out;      ///< a file
    std::string error{};  ///< another; empty: the same
    bool appends = false;
};
/// Starts it, found in PATH unless it has a directory; `leads`: a process group of its own. It ends
/// with us at the latest. Throws when there is no such program.
pid_t start_program(std::vector<std::string> words, const Output& output, bool leads = false);
/// The status as in Finished, when it has ended.
std::optional<int> exit_status_of(pid_t pid);

}  // namespace bookstore::test
