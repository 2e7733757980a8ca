#pragma once

#include <vector>

#include "app/contexts.hpp"
#include "check/context_file.hpp"

namespace bookstore::app {

/// What check::check() is told of each context of the table: what it says of its file, and what
/// it declares of the events that it follows and publishes.
std::vector<check::ContextFile> check_contexts(const host::Contexts& contexts = app::contexts());

}  // namespace bookstore::app
