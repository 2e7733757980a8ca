#pragma once

#include <optional>
#include <string_view>

#include "http/message.hpp"
#include "http/router.hpp"

// Content negotiation: RFC 9110 12.5.1 and 8.3.

namespace bookstore::http {

/// Whether the answer may be made, and as what: for Produces::hal and the profiles also whether as
/// plain JSON; for Produces::profile whether as a JSON Schema.
struct Negotiated {
    bool acceptable = true;
    bool prefers_json = false;
    bool prefers_schema = false;
};

/// Judges all Accept fields by what the route makes. No field: everything is acceptable.
Negotiated negotiate(const Request& request, Produces produces);

/// Whether a route has several media types, so that its answers vary by Accept.
bool is_negotiated(Produces produces);

/// Whether an error is to be application/problem+json: Accept names it, and wants it no less than
/// application/json.
ProblemForm problem_form(const Request& request);

/// The media types that a route offers, for the message of a 406.
std::string_view offered(Produces produces);

/// What speaks against reading the body: a Content-Type that is not JSON's (none counts as JSON), a
/// charset other than UTF-8, a Content-Encoding. A 415 that says what is taken.
std::optional<Problem> body_media_problem(const Request& request, Consumes consumes);

}  // namespace bookstore::http
