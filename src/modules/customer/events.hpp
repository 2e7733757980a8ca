#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string_view>

#include "base/key.hpp"

namespace bookstore::customer {

struct Registered {
    static constexpr std::string_view event_type = "Registered";
    std::int64_t customer_id = 0;
    Key key() const { return {"customer", customer_id}; }
    static Registered example() { return {.customer_id = 1}; }
};
BOOST_DESCRIBE_STRUCT(Registered, (), (customer_id))

struct Changed {
    static constexpr std::string_view event_type = "Changed";
    std::int64_t customer_id = 0;
    Key key() const { return {"customer", customer_id}; }
    static Changed example() { return {.customer_id = 1}; }
};
BOOST_DESCRIBE_STRUCT(Changed, (), (customer_id))

struct Deleted {
    static constexpr std::string_view event_type = "Deleted";
    std::int64_t customer_id = 0;
    Key key() const { return {"customer", customer_id}; }
    static Deleted example() { return {.customer_id = 1}; }
};
BOOST_DESCRIBE_STRUCT(Deleted, (), (customer_id))

}  // namespace bookstore::customer
