#include "operations/document.hpp"

#include <utility>

namespace bookstore::operations {

http::Handler document_handler(std::string document) {
    return [document = std::move(document)](const http::Request&, const http::Done& done) {
        http::Response response;
        response.content_type = "application/json;charset=UTF-8";
        response.body = document;
        done(std::move(response));
    };
}

kernel::Endpoint document_endpoint(
    http::Audience audience, std::string path, std::string document, kernel::Operation operation
) {
    kernel::Endpoint endpoint{.route = {.audience = audience}};
    endpoint.route.pattern = std::move(path);
    endpoint.route.produces = http::Produces::json;
    endpoint.route.handler = document_handler(std::move(document));
    endpoint.operation = std::move(operation);
    endpoint.operation.tag = "process";
    return endpoint;
}

}  // namespace bookstore::operations
