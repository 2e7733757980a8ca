#pragma once

#include <string>
#include <utility>
#include <variant>

#include "http/router.hpp"

// Requests that a test gives to a router without a server.

namespace bookstore::test {

inline http::Request request_of(http::Method method, std::string target, std::string body = {}) {
    http::Request request;
    request.method = method;
    request.path = target;
    request.target = std::move(target);
    request.host = "test";
    request.body = std::move(body);
    return request;
}

inline int status_of(const http::Answer& answer) {
    return std::visit([](const auto& either) { return either.status; }, answer);
}

}  // namespace bookstore::test
