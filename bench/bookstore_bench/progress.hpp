#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "storage/connection.hpp"

namespace bookstore::bench {

/// How far the contexts of a running server came, read from their files, read-only: that costs the
/// server nothing.
class Progress {
  public:
    /// Throws storage::Error when a file is missing.
    explicit Progress(const std::string& data_dir);

    /// The newest order's id.
    std::int64_t orders();
    std::int64_t events();
    /// Events behind the slowest subscription's cursor, with those that are still in an outbox.
    std::int64_t lag_events();
    /// How long the oldest of them has been there; 0: none.
    double lag_seconds();

    /// Shipped, paid, and in both read models.
    bool settled(std::int64_t order);
    /// Every order behind `from` up to `to` is: asks for the last one first, then counts.
    bool all_settled(std::int64_t from, std::int64_t to);
    /// About the newest order, from `from` on, that is settled with all before it (orders settle
    /// nearly in their order).
    std::int64_t settled_up_to(std::int64_t from);

  private:
    std::int64_t slowest_cursor();
    std::array<std::pair<storage::Connection*, const char*>, 4> publishers();

    storage::Connection topic_;
    storage::Connection customer_;
    storage::Connection inventory_;
    storage::Connection order_;
    storage::Connection delivery_;
    storage::Connection payment_;
    storage::Connection history_;
};

/// The cursor of a context's slowest subscription.
std::int64_t slowest_cursor_of(storage::Connection& db);
/// A context's file, or the topic's, read-only.
storage::Connection opened(const std::string& data_dir, const std::string& name);

}  // namespace bookstore::bench
