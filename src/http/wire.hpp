#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

// How an answer's head stands on the wire.

namespace bookstore::http {

/// What the connection adds to a response.
struct HeadOptions {
    enum class Connection { unsaid, close, keep_alive };

    std::string_view date;
    std::string_view request_id;
    Connection connection = Connection::unsaid;
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
};

/// Appends status line and fields, the empty line included. Line breaks in a field's text, which
/// would make fields of their own, become spaces.
void append_head(std::string& out, const Response& response, const HeadOptions& options);

/// Whether a response of that status may have a body at all.
bool may_have_body(int status);

/// The Date field's text, made once a second. Not thread-safe: one a thread.
class DateClock {
  public:
    std::string_view now();

  private:
    std::time_t second_ = -1;
    std::string text_;
};

}  // namespace bookstore::http
