#pragma once

#include <cstdint>

#include "bus/unit_of_work.hpp"
#include "modules/order/events.hpp"

namespace bookstore::inventory {

/// At most so many waiting orders are looked at in one transaction; a task looks at the rest.
constexpr std::size_t max_served = 1000;

/// Stock came: the orders that wait for the book, lowest id first, each that fits is prepared and
/// published; one that does not fit does not hold up a later one that does.
void serve_waiting(bus::UnitOfWork& work, std::int64_t book_id);

/// Goes on where a serve_waiting stopped at its limit.
void go_on_serving(bus::UnitOfWork& work, std::int64_t book_id);

/// Whenever Ordered: takes the stock and publishes DeliveryPrepared, or lets the order wait.
void allocate_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work);

/// Whenever OrderCanceled: what was taken goes back, and may serve others.
void return_when_canceled(const order::OrderCanceled& canceled, bus::UnitOfWork& work);

}  // namespace bookstore::inventory
