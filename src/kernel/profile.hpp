#pragma once

#include <span>
#include <vector>

#include "kernel/operation.hpp"

namespace bookstore::kernel {

/// GET /profile and /profile/<collection>: ALPS documents (draft-amundsen-richardson-foster-alps),
/// made from the collections' own tables and their operations.
std::vector<Endpoint> profile_endpoints(
    std::span<const Endpoint> endpoints, std::span<const ResourceDescription> resources
);

}  // namespace bookstore::kernel
