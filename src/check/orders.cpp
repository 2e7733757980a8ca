#include "check/orders.hpp"

#include <algorithm>

#include "check/order_check.hpp"

namespace bookstore::check {
namespace {

void check_never_ordered(const OrderCheck& check, const Story& story) {
    const OrderRow& order = story.orders[0];
    if (!order.unverified() && !order.canceled()) {
        check.violate("order {} is {}, but was never ordered", order.id, order.status);
    }
    if (!order.unverified() && order.to_verify) {
        check.violate("order {} is {}, and still to be verified", order.id, order.status);
    }
    const bool alone = story.deliverables.empty() && story.deliveries.empty() &&
                       story.payments.empty() && story.pages.empty() && story.histories.empty() &&
                       story.facts.empty();
    if (!alone || check.pending.on_their_way.contains(order.id)) {
        check.violate("order {} was never ordered, but other contexts know it", order.id);
    }
}

/// Nothing is still to happen to it by itself.
bool is_settled(const OrderCheck& check, const Story& story) {
    return !check.pending.on_their_way.contains(story.id) &&
           std::ranges::none_of(
               story.facts, [&](const Fact& fact) { return check.pending.awaited(fact); }
           ) &&
           std::ranges::none_of(story.payments, &PaymentRow::under_way);
}

void check_ordered(
    const OrderCheck& check, MomentCheck& moment, const Story& story, Counts& counts
) {
    const std::int64_t before = check.findings.count();
    const bool skipped = check.pending.skipped.contains(story.id);
    const bool must_be_settled = !skipped && (check.at_rest || is_settled(check, story));
    counts.skipped += skipped ? 1 : 0;
    counts.unsettled += must_be_settled || skipped ? 0 : 1;
    moment.check(check, story);
    if (must_be_settled && check.complete && check.findings.count() == before) {
        check_settled(check, story);
    }
}

}  // namespace

std::string shown(const std::optional<std::string>& value) {
    return value.value_or("null");
}

std::string shown(const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : "null";
}

bool knows_all_of_orders(const Files& files) {
    constexpr std::string_view all[]{
        "order", "inventory", "delivery", "payment", "customer", "payment_history"
    };
    return std::ranges::all_of(all, [&](std::string_view name) { return files.contains(name); });
}

Counts check_orders(
    const Files& files, const Log& log, const Pending& pending, bool at_rest, Findings& findings
) {
    const OrderCheck check{log, pending, at_rest, knows_all_of_orders(files), findings};
    MomentCheck moment(pending, find_file(files, "van"));
    BookCheck books;
    Counts counts;
    Stories stories(files, log);
    while (const Story* story = stories.next()) {
        std::ranges::for_each(story->deliverables, [&](const auto& row) { books.add(row); });
        if (story->orders.empty()) {
            check.violate("something refers to order {}, which does not exist", story->id);
            continue;
        }
        ++counts.orders;
        const OrderRow& order = story->orders[0];
        counts.unverified += order.unverified() ? 1 : 0;
        if (order.was_ordered && log.begin > 1 && story->ordered.empty()) {
            ++counts.before_log;  // of its events some or all are gone
            continue;
        }
        if (order.was_ordered) {
            check_ordered(check, moment, *story, counts);
        } else {
            check_never_ordered(check, *story);
        }
    }
    if (const SqliteFile* const inventory = find_file(files, "inventory")) {
        books.check(check, *inventory);
    }
    return counts;
}

}  // namespace bookstore::check
