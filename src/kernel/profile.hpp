#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernel/operation.hpp"

namespace bookstore::kernel {

/// GET /profile and /profile/<collection>: ALPS documents (draft-amundsen-richardson-foster-alps),
/// and of a collection a JSON Schema where Accept prefers application/schema+json; made from the
/// collections' own tables and their operations. GET /profile lists `collections`, also those whose
/// profiles another process has.
std::vector<Endpoint> profile_endpoints(
    std::span<const Endpoint> endpoints,
    std::span<const ResourceDescription> resources,
    const std::vector<std::string>& collections
);

}  // namespace bookstore::kernel
