#include "storage/fault.hpp"

#include <sqlite3.h>

#include "storage/connection.hpp"

namespace bookstore::storage {

Fault fault_of(int code) {
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
        case SQLITE_RANGE:
        case SQLITE_ERROR:
        case SQLITE_AUTH:
        case SQLITE_MISUSE:
            return Fault::job;
        default:
            return Fault::storage;
    }
}

Fault fault_of(const std::exception& error) {
    const auto* from_sqlite = dynamic_cast<const Error*>(&error);
    return from_sqlite == nullptr ? Fault::job : fault_of(from_sqlite->code());
}

Fault fault_of(const std::exception& error, const Connection& connection) {
    return connection.autocommit() ? Fault::storage : fault_of(error);
}

Fault fault_of(const std::exception_ptr& error, const Connection& connection) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        return fault_of(exception, connection);
    } catch (...) {
        return connection.autocommit() ? Fault::storage : Fault::job;
    }
}

}  // namespace bookstore::storage
