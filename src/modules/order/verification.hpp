#pragma once

#include <functional>

#include "kernel/module.hpp"
#include "modules/order/module.hpp"
#include "modules/order/order.hpp"

namespace bookstore::order {

/// Asks customer and book inventory at the same time; `done` is called once, from any thread.
void ask_both(
    const Ports& ports,
    std::int64_t customer_id,
    std::int64_t book_id,
    std::function<void(Verdict)> done
);

/// Publishes Ordered: the order, which has its id, is ORDERED now.
void publish_ordered(bus::UnitOfWork& work, const Order& order);

/// Both said yes: the order becomes ORDERED and its Ordered is published, if it is still
/// unverified. false when it is not any more.
bool make_ordered(bus::UnitOfWork& work, std::int64_t id);

/// Whoever could not be asked when the order was placed is asked later, with backoff; an order that
/// was refused, once an hour.
void add_verification_tasks(kernel::Module& module, const Ports& ports);

}  // namespace bookstore::order
