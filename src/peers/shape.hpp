#pragma once

#include <boost/json/fwd.hpp>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/operation.hpp"

// What another process answered is held against the schema that this one describes its own answers
// by, before any of it is used.

namespace bookstore::peers {

/// Where the value does not fit the JSON Schema: "_embedded.modules[2].held is no integer". Nothing
/// when it does. Members that the schema does not know are no fault. It knows the words that
/// kernel/schema.hpp writes; a reference is any object.
std::optional<std::string> misfit(const boost::json::value& value, const kernel::Schema& schema);

/// The answer's JSON, of that shape; or why it is none.
std::expected<boost::json::value, std::string> read_shaped(
    std::string_view body, const kernel::Schema& schema
);

/// Where another process' links lead to, and where they are to lead.
struct LinksMoved {
    std::string from;  ///< "http://127.0.0.1:8081"
    std::string to;    ///< "https://shop.example"
};

/// Appends the value as our own writer would: a number of money's kind is no 1E3.
void append_value(std::string& out, const boost::json::value& value, const LinksMoved& links);

/// A JSON text of ours with its links ("href") moved, all else byte for byte.
std::string with_links_moved(std::string_view text, const LinksMoved& links);

}  // namespace bookstore::peers
