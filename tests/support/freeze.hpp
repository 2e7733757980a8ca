#pragma once

#include <signal.h>
#include <sys/types.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "support/eventually.hpp"
#include "support/text_file.hpp"

namespace bookstore::test {

/// Stops the process (SIGSTOP) and returns when none of its threads runs any more: the signal alone
/// leaves those on other processors some time. SIGCONT lets it go on.
inline void freeze(pid_t pid) {
    ::kill(pid, SIGSTOP);
    const bool frozen = eventually([pid] {
        const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
        for (const auto& task : std::filesystem::directory_iterator(tasks)) {
            const std::string stat = text_of_file(task.path().string() + "/stat");
            if (stat.find(") T ") == stat.npos) {
                return false;
            }
        }
        return true;
    });
    if (!frozen) {
        throw std::runtime_error("the process does not stop");
    }
}

}  // namespace bookstore::test
