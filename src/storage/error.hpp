#pragma once

#include <stdexcept>
#include <string>

namespace bookstore::storage {

/// SQLite failed: the storage does not work, or a statement is wrong. Never a rule of the business.
class Error : public std::runtime_error {
  public:
    Error(int code, const std::string& what) : std::runtime_error(what), code_(code) {}
    /// SQLite's extended result code.
    int code() const { return code_; }
    /// The disk (or the file's limit) is full.
    bool full() const;
    /// There was no room on the disk for the WAL's index. Of a COMMIT: the commit may be in the
    /// WAL.
    bool index_full() const;
    /// A read ran longer than its limit.
    bool interrupted() const;
    /// The file itself is damaged, or is none of SQLite's.
    bool corrupt() const;
    /// A constraint of the schema: the statement alone failed, not the storage.
    bool constraint() const;

  private:
    int code_;
};

/// A data directory or file that must not be opened as it is; the message says why and what to do.
class Refused : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace bookstore::storage
