#pragma once

#include <chrono>

#include "http/server.hpp"

namespace bookstore::app {

/// Looks after a server's certificate: has it taken again when its files change, and says in the
/// log what came of it, and in good time that it expires. One thread.
class Certificate {
  public:
    /// `server` outlives it.
    explicit Certificate(http::Server& server) : server_(server) {}

    /// Now and then; nothing without TLS.
    void look();

  private:
    using Clock = std::chrono::steady_clock;

    void warn_of_its_end();

    http::Server& server_;
    Clock::time_point warns_again_{};
};

}  // namespace bookstore::app
