#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

// Conditional requests: RFC 9110 8.8.3 and 13.

namespace bookstore::kernel {

/// Makes a strong entity tag of what an item is shown with: its fields, and where its links lead.
/// The same content has the same tag, in this process and the next.
class EntityTag {
  public:
    void add(std::string_view part);
    void add(std::int64_t number);
    /// In its quotes.
    std::string text() const;

  private:
    std::uint64_t hash_ = 0;
};

/// The tag that an item is shown with: each media type has its own.
std::string shown_tag(const http::Request& request, std::string_view tag);

/// Whether If-None-Match says that the client has this one already: a GET is then a 304.
bool client_has(const http::Request& request, std::string_view tag);

/// 412 when If-Match or If-None-Match forbids to change what has that tag now, in whatever media
/// type the client saw it.
std::optional<http::Problem> precondition_problem(
    const http::Request& request, std::string_view tag
);
/// Whether precondition_problem() may find one: the request is conditional.
bool is_conditional(const http::Request& request);

}  // namespace bookstore::kernel
