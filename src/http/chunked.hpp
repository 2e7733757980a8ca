#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bookstore::http {

/// Takes a chunked body apart (RFC 9112 7.1), strictly: bare CR or LF, a sign or a space in a size
/// are errors. Chunk extensions and trailer fields are read over, up to a limit.
///
/// Beast's own decoder is not used: it buffers what this one skips, and 1.81 runs into an assertion
/// when "0" CRLF CR arrive one by one.
class ChunkDecoder {
  public:
    enum class State { more, done, malformed, body_too_large, extras_too_large };

    /// `max_extra_bytes` bounds extensions and trailers together.
    ChunkDecoder(std::size_t max_body_bytes, std::size_t max_extra_bytes)
        : max_body_bytes_(max_body_bytes), max_extra_bytes_(max_extra_bytes) {}

    /// Takes bytes off the front of `in` and appends data to `body`. `more`: all was taken, and the
    /// body is not complete. `done`: what is left in `in` belongs to the next request.
    State put(std::string_view& in, std::string& body);

  private:
    enum class At {
        size_start,
        size,
        before_semicolon,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        line_start,
        line,
        line_lf,
        end_lf
    };

    State take(char c);
    State take_size(char c);
    State take_semicolon(char c);
    State take_extra(char c);
    State take_data(std::string_view& in, std::string& body);
    State end_of_size_line(char c);

    std::size_t max_body_bytes_;
    std::size_t max_extra_bytes_;
    std::size_t body_bytes_ = 0;
    std::size_t extra_bytes_ = 0;
    std::uint64_t left_ = 0;  ///< of the current chunk
    unsigned digits_ = 0;
    bool colon_ = false;  ///< the trailer line has one
    At at_ = At::size_start;
};

}  // namespace bookstore::http
