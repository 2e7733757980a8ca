#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

// What scripts/fuzz throws bytes at, and what the tests run over the corpus and over every input
// that once found something. Deterministic: no clock, no file, no socket.

namespace bookstore::fuzz {

/// "<sizes>\n<bytes>": the bytes as a connection gives them to the parser, in pieces of these sizes
/// and in one piece, each request through the router, each answer as it goes onto the wire.
/// A size is a character: '1' to '9', then as ASCII goes on, up to 64.
void request(std::string_view input);

/// A body for field tables and events; also taken as a text and, if it is one, as a number.
void json(std::string_view input);

/// "<target>\n<Accept>\n<Host>\n<rows>": pages, links and header values; a line may be missing.
void query(std::string_view input);

/// "token\n<token>", "signed\n<header>\n<claims>", which are signed here, or "jwks\n<key set>": who
/// asks, by keys that are known.
void token(std::string_view input);

/// An invariant is broken.
struct Broken : std::logic_error {
    using std::logic_error::logic_error;
};

/// Nothing of src/ catches it: libFuzzer and the tests see it.
inline void require(bool holds, const std::string& what) {
    if (!holds) {
        throw Broken(what);
    }
}

/// Cuts the first line off; what has no line break is one line.
std::string_view take_line(std::string_view& text);

/// What we wrote, read by Boost.JSON.
boost::json::value read_back(std::string_view json);

/// How many characters a UTF-8 text has.
std::size_t characters(std::string_view text);

}  // namespace bookstore::fuzz
