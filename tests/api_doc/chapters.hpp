#pragma once

#include <string>
#include <vector>

namespace bookstore::test {

struct WrittenPage {
    std::string markdown;
    /// "DELETE /books/{id}": what /openapi.json describes and no request of the page succeeded at.
    std::vector<std::string> missing;
};

/// Runs the bookshop's story against the binary and writes it down.
WrittenPage write_api_page();

}  // namespace bookstore::test
