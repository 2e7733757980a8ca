#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "kernel/context.hpp"
#include "modules/order/order.hpp"

namespace bookstore::order {

/// What this context needs to know of others. Each answers once, from any thread, within the
/// composition root's timeout.
struct Ports {
    std::function<void(std::int64_t customer_id, std::function<void(Found)>)> has_customer;
    std::function<void(std::int64_t book_id, std::function<void(Found)>)> has_book;
};

/// Orders: placed, verified, canceled; their status follows preparation and delivery. `ports` makes
/// what it needs to know of others, when it is installed.
kernel::Context context(std::function<Ports(kernel::Wiring&, const Clock&)> ports);

}  // namespace bookstore::order
