#pragma once

#include <string_view>

#include "check/context_file.hpp"

// What checks of several contexts have in common.

namespace bookstore::check {

/// A table of `kind`, whose rows have `deleted`, with its count of the deleted by block: each row
/// was announced by `born` once, the deleted ones by `gone` once, and the counts are right.
void check_announced(
    const ContextView& view, std::string_view kind, std::string_view born, std::string_view gone
);

/// The rows of each customer are numbered from 1 without a gap by nth_of_customer.
void check_nth_of_customer(const ContextView& view, std::string_view table);

}  // namespace bookstore::check
