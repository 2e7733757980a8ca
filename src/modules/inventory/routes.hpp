#pragma once

#include "kernel/hal.hpp"
#include "kernel/module.hpp"

namespace bookstore::inventory {

inline constexpr kernel::Resource books{"books", "book", "bookId"};
inline constexpr kernel::Resource stock_inputs{"stockInputs", "stockInput", "id"};
inline constexpr kernel::Resource deliverables{"deliverables", "deliverable", "id", true};

void add_book_routes(kernel::Module& module);
void add_stock_input_routes(kernel::Module& module);
void add_deliverable_routes(kernel::Module& module);

}  // namespace bookstore::inventory
