#pragma once

#include <boost/json/fwd.hpp>
#include <span>
#include <string_view>

#include "kernel/operation.hpp"

// The schemas of /openapi.json: what is read, made of the field tables, and what is shown.

namespace bookstore::kernel {

/// {"$ref":...}, to the schema of that name.
boost::json::object reference(std::string_view schema);

/// By their names: of each collection, of each body that is read, and what all of them share.
boost::json::object schemas_of(
    std::span<const Endpoint> endpoints, std::span<const ResourceDescription> resources
);

}  // namespace bookstore::kernel
