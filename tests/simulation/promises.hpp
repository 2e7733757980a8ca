#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

#include "http/message.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

/// An invariant does not hold.
class Broken : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// So many customers and books are there to be ordered, or are not.
constexpr std::int64_t sold_customers = 3;
constexpr std::int64_t sold_books = 3;

/// The body of some order.
std::string order_body(SeededRandom& random);

/// What clients of the simulation were promised of orders.
struct OrderPromises {
    std::map<std::int64_t, std::string> acknowledged;  ///< order id -> its body's beginning
    std::set<std::int64_t> canceled;

    /// A 201 to an order. What is wrong with it; empty: nothing.
    std::string acknowledge(const http::Response& response);
    /// `get` gives the body that is answered to a GET now. Throws Broken.
    void check(const std::function<std::string(const std::string& target)>& get) const;
};

}  // namespace bookstore::test
