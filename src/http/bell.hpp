#pragma once

#include <optional>

#include "http/awaitable.hpp"

// Internal to the server: this header costs an Asio include.

namespace bookstore::http {

/// What a connection's coroutine waits for when it is not for its socket: an answer that is given,
/// an event for its stream. Of one thread alone, and one coroutine.
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
