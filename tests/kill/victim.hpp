#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bookstore::test {

/// The binary, serving on a directory, to be killed at any moment, also before it listens.
class Victim {
  public:
    /// Its output and log go to files beside the data directory; the log is appended to.
    Victim(const std::string& data_dir, const std::vector<std::string>& flags);
    ~Victim();
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;

    /// "http://127.0.0.1:PORT"; nothing when it does not listen by then, or ended.
    std::optional<std::string> url_until(std::chrono::steady_clock::time_point deadline);
    /// The exit status, or 128 + signal: SIGKILL's unless it had ended before.
    int kill();
    /// SIGTERM, and does not wait.
    void signal_end() const;
    bool has_ended();
    /// SIGTERM; the exit status, or 128 + signal.
    int stop();

  private:
    int wait();

    std::string out_path_;
    pid_t pid_ = -1;
    std::optional<int> status_;
};

}  // namespace bookstore::test
