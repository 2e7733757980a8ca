#pragma once

#include <string>
#include <vector>

namespace bookstore::test {

/// The contexts of the bookstore, in the order in which they start. Written out: what the program
/// says of itself is held against it.
inline const std::vector<std::string> context_names{
    "customer", "inventory", "order", "delivery", "payment", "payment_history", "van"
};

}  // namespace bookstore::test
