#pragma once

#include <vector>

#include "http/router.hpp"

namespace bookstore::operations {

/// GET /docs and what it is made of: the page that draws /openapi.json in a browser; GET /console
/// likewise: the page that shows the contexts at work.
///
/// The files refer to each other by relative URLs, so that they work below a path prefix too;
/// /docs/, from where those would miss, is sent to /docs, /console/ to /console. They load nothing
/// from elsewhere, and their Content-Security-Policy forbids it.
std::vector<http::Route> web_routes();

}  // namespace bookstore::operations
