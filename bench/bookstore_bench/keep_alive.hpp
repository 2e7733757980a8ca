#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace bookstore::bench {

/// A socket that is connected, without Nagle's delay. Throws std::runtime_error when nobody listens
/// there.
int connected(const std::string& host, const std::string& port);

/// One connection to the server, kept for all requests. One thread at a time.
class KeepAlive {
  public:
    /// "http://127.0.0.1:8080". Throws std::runtime_error when nobody listens there.
    explicit KeepAlive(const std::string& url);
    ~KeepAlive();
    KeepAlive(const KeepAlive&) = delete;
    KeepAlive& operator=(const KeepAlive&) = delete;

    struct Answer {
        int status = 0;
        std::string header;
        std::string body;
        double ms = 0;  ///< from before the request was written until the body was there
    };
    /// Throws std::runtime_error when the connection breaks.
    Answer get(const std::string& target);
    Answer post(const std::string& target, const std::string& json);

  private:
    Answer exchange(const std::string& request);
    /// Reads until that many bytes are there.
    void read_until(std::size_t size);

    std::string host_;
    int fd_ = -1;
    std::string bytes_;  ///< read, but not taken yet
    std::array<char, 1 << 16> buffer_{};
};

}  // namespace bookstore::bench
