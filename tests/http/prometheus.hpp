#pragma once

#include <sys/types.h>

#include <boost/json/value.hpp>
#include <string>

#include "support/bookstore_process.hpp"

namespace bookstore::test {

/// A real Prometheus (Debian's package), on a port that the system chose, killed when it goes. It
/// scrapes that address once a second, as the job "bookstore".
class Prometheus {
  public:
    /// `rules`: the file of rules that it has. Throws when it does not start.
    Prometheus(const std::string& address, const std::string& rules);
    ~Prometheus();
    Prometheus(const Prometheus&) = delete;
    Prometheus& operator=(const Prometheus&) = delete;

    /// What GET /api/v1/... answers.
    boost::json::value api(const std::string& target);
    /// What that expression comes to now: {"status", "data": {"result": [...]}, ...}.
    boost::json::value query(const std::string& expression);
    /// How many values it comes to now; 0 also when it is no expression.
    std::size_t results(const std::string& expression);

  private:
    TemporaryDirectory files_;
    pid_t pid_ = -1;
    std::string url_;
};

}  // namespace bookstore::test
