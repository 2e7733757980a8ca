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

/// Starts it, with its output in these files. It ends with us at the latest.
pid_t start_program(
    std::vector<std::string> words, const std::string& out, const std::string& error
);
/// The status as in Finished, when it has ended.
std::optional<int> exit_status_of(pid_t pid);

}  // namespace bookstore::test
