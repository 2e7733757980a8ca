#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "http/message.hpp"

namespace bookstore::http {

/// A bearer token in a file, for who asks other servers. Whoever renews it puts another one in its
/// place: the file is looked at once a second at most, when somebody asks. While it cannot be read,
/// or has none, the last token is used on. Thread-safe.
class TokenFile {
  public:
    /// Throws std::runtime_error when it cannot be read, or has no token.
    explicit TokenFile(std::string path);

    /// "Authorization: Bearer TOKEN"
    Header header();

  private:
    using Time = std::chrono::steady_clock::time_point;
    void read();

    const std::string path_;
    std::mutex mutex_;
    std::string token_;  ///< guarded by mutex_, as is all below
    Time looked_at_{};
    std::int64_t modified_ns_ = 0;  ///< of the file, when it was read
    std::uint64_t inode_ = 0;
};

/// The field for a token as it stands in a flag, an environment variable or a file: without what is
/// blank around it. Throws std::runtime_error, which does not show it, when it is none.
Header bearer(std::string_view token);

}  // namespace bookstore::http
