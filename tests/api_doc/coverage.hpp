#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "page.hpp"

namespace bookstore::test {

/// "DELETE /books/{id}": the operations under these `paths` of an OpenAPI document that no request
/// of the page succeeded at.
std::vector<std::string> missing_in(const Page& page, const boost::json::object& paths);

}  // namespace bookstore::test
