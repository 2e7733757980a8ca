#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "http/server.hpp"
#include "http/unique_fd.hpp"

// Internal to the server.

namespace bookstore::http {

/// The file of a unix socket: removed when it goes, if it still is that one.
class SocketFile {
  public:
    SocketFile() = default;
    /// Of a socket that was just bound there.
    explicit SocketFile(std::string path);
    SocketFile(SocketFile&& other) noexcept;
    SocketFile& operator=(SocketFile&& other) noexcept;
    ~SocketFile();

    void remove() noexcept;

  private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

/// A socket that listens.
struct Listening {
    UniqueFd fd;
    int family = 0;       ///< AF_INET, AF_INET6, AF_UNIX
    std::string address;  ///< "127.0.0.1:43211", "[::1]:8080", "unix:/run/bookstore.sock"
    std::uint16_t port = 0;
    bool beyond_loopback = false;  ///< other machines reach it
    SocketFile file;
};

/// Binds and listens, without blocking. Throws std::system_error (address in use, ...).
///
/// A unix socket's file that nobody listens at is replaced; anything else that is there is refused.
/// Whoever belongs to the file's group may connect.
Listening listen_at(const ListenAddress& where);

}  // namespace bookstore::http
