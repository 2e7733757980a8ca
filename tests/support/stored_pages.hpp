#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/sqlite_reader.hpp"

namespace bookstore::test {

/// The rows that one way to list a collection must show, read from its file with SQLite alone, by
/// ORDER BY and OFFSET: slow, and without any of the tricks that the program needs to be quick.
class StoredRows {
  public:
    struct Listing {
        std::string collection;                     ///< "orders"
        std::string sort;                           ///< the property: "orderId", "customerName"
        bool descending = false;                    ///< also for rows that are equal
        std::optional<std::int64_t> customer_id{};  ///< of this customer alone
    };

    /// Throws std::runtime_error when it knows no such listing: one that is new belongs here.
    StoredRows(const std::string& data_dir, const Listing& listing);

    std::int64_t total();
    /// Their ids, from that place on, which counts from 0.
    std::vector<std::int64_t> ids(std::int64_t offset, std::int64_t count);

  private:
    Sqlite db_;
    std::string from_;
    std::string order_;
};

}  // namespace bookstore::test
