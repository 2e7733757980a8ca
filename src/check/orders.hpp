#pragma once

#include <cstdint>

#include "check/findings.hpp"
#include "check/pending.hpp"
#include "check/story.hpp"

namespace bookstore::check {

struct Counts {
    std::int64_t orders = 0;
    std::int64_t unverified = 0;
    std::int64_t unsettled = 0;   ///< ordered, and something is still to happen
    std::int64_t before_log = 0;  ///< the log was cut behind its first event: not compared
    std::int64_t skipped = 0;     ///< an operator had an event of it skipped: not compared
};

/// Every file is there that knows of orders, VAN's apart.
bool knows_all_of_orders(const Files& files);

/// Walks over all orders, each with everything that refers to it in any file, and says what
/// violates the invariants; then over the books. Of an order that is not settled only what must
/// hold at every moment is asked, unless `at_rest`: then it must be settled. It is about the seven
/// contexts that the bookstore began with; what one knows that is missing is not asked for, and of
/// settled orders nothing more then. Order's file must be there.
Counts check_orders(
    const Files& files, const Log& log, const Pending& pending, bool at_rest, Findings& findings
);

}  // namespace bookstore::check
