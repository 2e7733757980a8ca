#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "host/system.hpp"
#include "kernel/operation.hpp"

namespace bookstore::operations {

/// The contexts as operators see them: GET /modules and /modules/{name}; POST /modules/{name}/stop
/// and /start.
std::vector<kernel::Endpoint> module_endpoints(host::System& system);

/// The hosted context that the path's first capture names; 404 that lists those there are.
std::expected<kernel::HostedModule*, http::Problem> module_in_path(
    host::System& system, const http::Request& request
);
/// What {name} in a path is.
kernel::Parameter module_parameter(const host::System& system);

/// Answers with what `answer` returns, or with what its exception means to a client.
void answer_with(
    const http::Request& request,
    const http::Done& done,
    const std::function<http::Answer()>& answer
);

}  // namespace bookstore::operations
