#pragma once

#include <string>

#include "kernel/operation.hpp"

// JSON documents that say what the process is, and do not change while it runs.

namespace bookstore::operations {

/// Answers with the document, whatever is asked.
http::Handler document_handler(std::string document);

/// GET `path`: the document.
kernel::Endpoint document_endpoint(
    http::Audience audience, std::string path, std::string document, kernel::Operation operation
);

}  // namespace bookstore::operations
