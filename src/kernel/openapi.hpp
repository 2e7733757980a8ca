#pragma once

#include <span>
#include <string>

#include "kernel/operation.hpp"

namespace bookstore::kernel {

/// The API's description, OpenAPI 3.1, as JSON text: made from the declarations that serve the
/// requests and the tables that read and show the bodies. `roles_claim`: where
/// tokens have their roles; empty: there is no authentication.
std::string openapi_document(
    std::string_view version,
    std::string_view roles_claim,
    std::span<const Endpoint> endpoints,
    std::span<const ResourceDescription> resources
);

}  // namespace bookstore::kernel
