#pragma once

#include <string>

#include "base/trace.hpp"

// What a thread is doing, as log lines say it. An order, which nearly everything is about, is named
// by its number: order=5; everything else by its key: key=book-3.

namespace bookstore::observe {

/// " order=5 event=Ordered trace=...", to follow a line of text.
std::string context_text(const LogContext& context);
/// The same as fields of a JSON object, a comma before each.
std::string context_json(const LogContext& context);

}  // namespace bookstore::observe
