#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "support/eventually.hpp"
#include "support/program.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {

/// The binary under test: its preset's own, or what the environment's BOOKSTORE_BINARY names.
const std::string& binary();
/// It was built with ASan or TSan, whatever the tests were.
bool binary_is_sanitized();

/// Runs the binary to its end.
Finished run_bookstore(const std::vector<std::string>& arguments);

/// The real binary, serving on a port that the system chose unless a flag says where, killed when
/// it goes.
class BookstoreProcess {
  public:
    enum class Until { open, listening };

    /// Waits until it prints its address, or until it logs that it listens, before its files are
    /// open; throws with what it said if it ends before. With `descriptors` it may open so many.
    BookstoreProcess(
        const std::string& data_dir,
        std::vector<std::string> flags = {},
        Until until = Until::open,
        int descriptors = 0
    );
    ~BookstoreProcess();
    BookstoreProcess(const BookstoreProcess&) = delete;
    BookstoreProcess& operator=(const BookstoreProcess&) = delete;

    /// "http://127.0.0.1:PORT"
    const std::string& url() const { return url_; }
    /// Where it listens for operators, "http://..." or "unix:..."; the same where they have no
    /// listener of their own.
    const std::string& operators_url() const { return operators_url_; }
    std::string port() const { return url_.substr(url_.rfind(':') + 1); }
    pid_t pid() const { return pid_; }

    http::ClientResponse get(const std::string& target, std::vector<http::Header> headers = {});
    http::ClientResponse send(
        http::Method method,
        const std::string& target,
        const std::string& json = {},
        std::vector<http::Header> headers = {}
    );
    http::ClientResponse post(const std::string& target, const std::string& json) {
        return send(http::Method::post, target, json);
    }

    void signal(int number) const;
    /// Waits for its end; the exit status as in Finished.
    int wait(std::chrono::seconds at_most = std::chrono::seconds(60));
    /// SIGKILL, and waits for the end.
    void kill();
    /// What it wrote to standard error so far.
    std::string log() const;
    /// Waits until /isReady is 200.
    void wait_until_ready();

  private:
    pid_t pid_ = -1;
    std::string url_;
    std::string operators_url_;
    std::string log_path_;
    std::optional<int> status_;
    TemporaryDirectory files_;
};

}  // namespace bookstore::test
