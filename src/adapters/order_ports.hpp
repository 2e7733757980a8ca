#pragma once

#include <cstdint>
#include <optional>

#include "adapters/http_port.hpp"
#include "kernel/context.hpp"
#include "modules/order/module.hpp"

namespace bookstore::adapters {

/// Where order asks for customers and books: in this process, or where an origin is given there.
struct OrderPortOptions {
    std::optional<http::Url> customer{};
    std::optional<http::Url> inventory{};
    HttpPortOptions http{};  ///< of each that is asked over HTTP; its origin counts for nothing
};

/// The ports of the order context. In process a context that is not hosted does not answer; over
/// HTTP GET /customers/{id} and /books/{id}: a 200 or 404 that proves to come from whoever has
/// customers, or books, is yes or no; all else is no answer.
/// `wiring` keeps what they need.
order::Ports order_ports(
    kernel::Wiring& wiring, const OrderPortOptions& options, const Clock& clock
);

}  // namespace bookstore::adapters
