#pragma once

#include <optional>
#include <string_view>

#include "http/message.hpp"
#include "http/router.hpp"

// Content negotiation: RFC 9110 12.5.1 and 8.3.

namespace bookstore::http {

/// Whether the answer may be made; for Produces::hal also whether as plain JSON.
struct Negotiated {
    bool acceptable = true;
    bool prefers_json = false;
};

/// Judges all Accept fields by what the route makes. No field: everything is acceptable.
Negotiated negotiate(const Request& request, Produces produces);

/// The media types that a route offers, for the message of a 406.
std::string_view offered(Produces produces);

/// Whether a body of that Content-Type may be read; no Content-Type counts as JSON.
bool is_consumable(const Request& request, Consumes consumes);

}  // namespace bookstore::http
