#pragma once

#include "storage/connection.hpp"

namespace bookstore::bus {

/// Rows that a subscription's handlers change in memory, so that a transaction writes each of them
/// once, however many of its events changed it (an identity map). Writer's thread.
class IdentityMap {
  public:
    IdentityMap() = default;
    IdentityMap(const IdentityMap&) = delete;
    IdentityMap& operator=(const IdentityMap&) = delete;
    virtual ~IdentityMap() = default;

    /// Inside the transaction: writes what was changed since the last time. Throws storage::Error.
    virtual void flush(storage::Connection& db) = 0;
    /// The file may not have what was flushed: forgets everything, changed or not.
    virtual void clear() = 0;
};

}  // namespace bookstore::bus
