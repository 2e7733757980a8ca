#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bookstore::storage {

/// What a file is called in messages: "customer.db", wherever it lies.
std::string role_of(std::string_view path);

/// What the exception says.
std::string reason_of(const std::exception_ptr& error);

/// SQLite failed: the storage does not work, or a statement is wrong. Never a rule of the business.
class Error : public std::runtime_error {
  public:
    /// The message begins with the role of the file at `path`, and never has its directory.
    Error(int code, std::string_view path, std::string_view what);
    /// Of no file in particular.
    Error(int code, const std::string& what) : std::runtime_error(what), code_(code) {}
    /// The role of the file that it is about, "customer.db"; empty when that is not known.
    const std::string& file() const { return file_; }
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
    /// A text or a row is larger than SQLite takes.
    bool too_large() const;

  private:
    int code_;
    std::string file_{};
};

/// It is an Error of a full disk.
bool is_disk_full(const std::exception_ptr& error);

/// A data directory or file that must not be opened as it is; the message says why and what to do.
class Refused : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace bookstore::storage
