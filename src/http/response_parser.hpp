#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "http/chunked.hpp"
#include "http/client.hpp"

// Internal to the client: this header costs a Beast include.

namespace bookstore::http {

struct ResponseLimits {
    std::size_t header_bytes = 0;  ///< interim answers included
    std::size_t body_bytes = 0;
};

/// Reads one answer out of what a server sends, as it comes. Interim answers (1xx) are read over.
class ResponseParser {
  public:
    enum class State { more, done, failed };

    explicit ResponseParser(ResponseLimits limits);

    /// Takes bytes off the front of `received`. `more`: give it what is left, and more after it.
    /// `done`: what is left is not the answer's. `failed`: error() says why.
    State put(std::string& received);
    const std::string& error() const { return error_; }

    /// Whether the answer is complete when the connection ends now.
    bool ends_with_connection() const { return in_body_ && !decoder_ && !left_; }

    // When done:
    ClientResponse& response() { return response_; }
    /// Whether the connection may be used for another request.
    bool keeps_connection() const { return keeps_connection_; }

  private:
    using HeaderParser = boost::beast::http::response_parser<boost::beast::http::empty_body>;

    void begin_header();
    State put_header(std::string& received);
    State begin_body(int status);
    State put_body(std::string& received);
    State put_chunks(std::string& received);
    State fail(std::string error);

    const ResponseLimits limits_;
    std::optional<HeaderParser> header_;
    std::size_t header_bytes_ = 0;
    bool in_body_ = false;
    bool keeps_connection_ = false;
    std::optional<ChunkDecoder> decoder_;
    std::optional<std::uint64_t> left_;  ///< of a body whose length was told
    ClientResponse response_;
    std::string error_;
};

}  // namespace bookstore::http
