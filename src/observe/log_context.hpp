#pragma once

#include <string>

#include "base/json.hpp"
#include "base/trace.hpp"

// What a thread is doing, as log lines say it. An order, which nearly everything is about, is named
// by its number: order=5; everything else by its key: key=book-3.

namespace bookstore::observe {

/// " order=5 event=Ordered trace=...", to follow a line of text.
std::string context_text(const LogContext& context);
/// The same as members of that object.
void add_context(json::Object& line, const LogContext& context);

}  // namespace bookstore::observe
