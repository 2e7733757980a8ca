#pragma once

#include <cstdint>
#include <string_view>

#include "http/client.hpp"

namespace bookstore::adapters {

/// A thing that another process has, or has not: /customers/5.
struct ResourceName {
    std::string_view collection;  ///< "/customers"
    std::string_view singular;    ///< "customer"
    std::int64_t id = 0;
};

/// Whether the answer to a GET of that thing comes from whoever has such things, so that it may be
/// believed. A 200 is the thing itself, linked as such; a 404 says that there is no such thing at
/// that path. Not so the 404 of an ingress without a backend, of a bookstore that does not host
/// that context ("There is nothing at ..."), of any other server; nor another status.
bool is_proven(const http::ClientResponse& response, const ResourceName& name);

}  // namespace bookstore::adapters
