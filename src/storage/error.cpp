#include "storage/error.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

namespace bookstore::storage {

std::string role_of(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1));
}

std::string reason_of(const std::exception_ptr& error) {
    if (!error) {
        return "no reason given";
    }
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        return exception.what();
    } catch (...) {
        return "unknown exception";
    }
}

Error::Error(int code, std::string_view path, std::string_view what)
    : std::runtime_error(fmt::format("{}: {}", role_of(path), what)),
      code_(code),
      file_(role_of(path)) {}

bool is_disk_full(const std::exception_ptr& error) {
    if (!error) {
        return false;
    }
    try {
        std::rethrow_exception(error);
    } catch (const Error& e) {
        return e.full();
    } catch (const std::exception&) {
        return false;
    }
}

bool Error::full() const {
    return (code_ & 0xff) == SQLITE_FULL;
}
bool Error::index_full() const {
    return code_ == SQLITE_IOERR_SHMSIZE;
}
bool Error::interrupted() const {
    return (code_ & 0xff) == SQLITE_INTERRUPT;
}
bool Error::corrupt() const {
    return (code_ & 0xff) == SQLITE_CORRUPT || (code_ & 0xff) == SQLITE_NOTADB;
}
bool Error::too_large() const {
    return (code_ & 0xff) == SQLITE_TOOBIG;
}
bool Error::constraint() const {
    return (code_ & 0xff) == SQLITE_CONSTRAINT;
}

}  // namespace bookstore::storage
