#include "storage/error.hpp"

#include <sqlite3.h>

namespace bookstore::storage {

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
bool Error::constraint() const {
    return (code_ & 0xff) == SQLITE_CONSTRAINT;
}

}  // namespace bookstore::storage
