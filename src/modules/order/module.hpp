#pragma once

#include <cstdint>
#include <functional>

#include "kernel/module.hpp"
#include "modules/order/order.hpp"

namespace bookstore::order {

/// What this context needs to know of others. Each answers once, from any thread, within the
/// composition root's timeout.
struct Ports {
    std::function<void(std::int64_t customer_id, std::function<void(Found)>)> has_customer;
    std::function<void(std::int64_t book_id, std::function<void(Found)>)> has_book;
};

/// Orders: placed, verified, canceled; their status follows preparation and delivery.
void install(kernel::Module& module, const Ports& ports);

/// A context that orders wait for came back: they are verified now. Any thread.
void verify_now(kernel::Module& module);

}  // namespace bookstore::order
