#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>

// When what is stored with a time to try it again is due. The time is one of the wall clock, which
// somebody may set back by hours after it was stored: then it would wait for as long. But nothing
// is put off by more than the longest wait of its kind, so that what lies further ahead is due too.

namespace bookstore::bus {

/// The times after `after_ms` up to `to_ms`.
struct DueSpan {
    std::int64_t after_ms;
    std::int64_t to_ms;
};

/// Where a `next_try` is due: in the past, and further ahead than one can be.
inline std::array<DueSpan, 2> due_spans(std::int64_t now_ms, std::int64_t longest_wait_ms) {
    using Limits = std::numeric_limits<std::int64_t>;
    return {{{Limits::min(), now_ms}, {now_ms + longest_wait_ms, Limits::max()}}};
}

/// What is due, at most `limit`: `find` returns those of a span, at most so many.
template <class Find>
auto all_due(
    std::int64_t now_ms, std::int64_t longest_wait_ms, std::size_t limit, const Find& find
) {
    const auto [past, too_far] = due_spans(now_ms, longest_wait_ms);
    auto rows = find(past, limit);
    auto more = find(too_far, limit - rows.size());
    std::ranges::move(more, std::back_inserter(rows));
    return rows;
}

/// In how many ms it is due; 0: now.
inline std::int64_t wait_ms(
    std::int64_t next_try_ms, std::int64_t now_ms, std::int64_t longest_wait_ms
) {
    const std::int64_t ahead_ms = next_try_ms - now_ms;
    return ahead_ms > longest_wait_ms ? 0 : std::max<std::int64_t>(ahead_ms, 0);
}

}  // namespace bookstore::bus
