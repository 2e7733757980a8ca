#include "storage/fault.hpp"

#include "storage/connection.hpp"

namespace bookstore::storage {

Fault fault_of(const std::exception& error, const Connection& connection) {
    if (connection.autocommit()) {
        return Fault::storage;
    }
    const auto* from_sqlite = dynamic_cast<const Error*>(&error);
    return from_sqlite == nullptr || from_sqlite->constraint() ? Fault::job : Fault::storage;
}

}  // namespace bookstore::storage
