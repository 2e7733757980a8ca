#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

namespace bookstore::observe {

/// The log of who did what: a JSON object a line for each action of an operator, whatever came of
/// it, and for each refused attempt (401, 403) at anything.
///
/// I/O threads note, a thread of its own writes; what waits is bounded. Refusals of one address
/// beyond some a second are summed up, so that nobody fills the disk or hides among his own lines.
/// The file is opened anew when another one, or none, is at its path. No line has a token.
class AuditLog {
  public:
    static constexpr std::size_t most_waiting = 16'384;   ///< lines
    static constexpr std::size_t refusals_a_second = 10;  ///< of one address
    static constexpr std::size_t most_addresses = 1'024;  ///< that are counted apart, in a second

    /// Throws std::system_error when the file cannot be opened to be appended to.
    AuditLog(std::string path, const Clock& clock);
    /// Writes what waits.
    ~AuditLog();
    AuditLog(const AuditLog&) = delete;
    AuditLog& operator=(const AuditLog&) = delete;

    /// Which requests are actions of operators. Before any of them is served.
    void know_routes(const std::vector<http::Route>& routes);
    /// Notes what is to be noted of a request that was answered. Any thread; it does not block.
    void note(const http::Access& access);

    struct Counts {
        std::uint64_t written = 0;  ///< lines
        std::uint64_t lost = 0;     ///< lines that could not be written, or came too fast
    };
    Counts counts() const;

  private:
    /// What an address was refused within a second.
    struct Refused {
        std::size_t times = 0;
        std::size_t summed_up = 0;
    };

    bool is_action(const http::Request& request) const;
    bool is_summed_up(const std::string& address, std::int64_t second);
    void sum_up();
    void push(std::string line);
    void write_until_stopped();
    bool write(std::string_view lines);
    void open_if_moved();
    void fail(const char* doing, int error);

    const std::string path_;
    const Clock& clock_;
    std::vector<bool> actions_;  ///< by a route's number, from 1 on
    int fd_ = -1;                ///< of the writer's thread
    bool failing_ = false;       ///< of the writer's thread: it was said in the log
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::string waiting_;  ///< lines; guarded by mutex_, as is all below
    std::size_t waiting_lines_ = 0;
    std::int64_t second_ = 0;                 ///< that refused_ is of
    std::map<std::string, Refused> refused_;  ///< by address
    Counts counts_;
    bool stopping_ = false;
    std::thread writer_;  ///< the last: it uses the rest
};

}  // namespace bookstore::observe
