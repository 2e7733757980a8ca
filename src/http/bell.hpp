#pragma once

#include <optional>

#include "http/awaitable.hpp"

// Internal to the server: this header costs an Asio include.

namespace bookstore::http {

/// What a connection's coroutine waits for when it does not wait for its socket: that an answer was
/// given, that its stream has something to send. One thread, and one coroutine.
class Bell {
  public:
    /// Wakes the coroutine if it waits in rung(), else its next rung() returns at once. The
    /// coroutine, and whoever has the bell, may come to its end before this returns.
    void ring();
    /// Forgets that it was rung.
    void silence() { rung_ = false; }
    /// Waits for a ring().
    Awaitable<void> rung();

  private:
    std::optional<Resume> waiting_;
    bool rung_ = false;
};

}  // namespace bookstore::http
