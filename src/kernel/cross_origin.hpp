#pragma once

#include <optional>

#include "http/message.hpp"

namespace bookstore::kernel {

/// Refuses (403) what another site's page made a browser send: operator actions are not for them.
/// Of a GET also what a page can embed, whichever it is.
std::optional<http::Problem> refuse_cross_origin(const http::Request& request);

}  // namespace bookstore::kernel
