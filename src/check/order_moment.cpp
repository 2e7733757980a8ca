#include <algorithm>
#include <iterator>

#include "check/order_check.hpp"

// What holds of an order between any two commits, whatever is still to happen to it.

namespace bookstore::check {
namespace {

/// What its Ordered says of the order.
void check_announcement(const OrderCheck& check, const Story& story) {
    const OrderRow& order = story.orders[0];
    const OrderedFact& ordered = story.ordered.front();
    const std::int64_t id = order.id;
    check.same(ordered.book, order.book_id, "Ordered's book", id);
    check.same(ordered.customer, order.customer_id, "Ordered's customer", id);
    check.same(ordered.quantity, order.quantity, "Ordered's quantity", id);
    check.same(shown(ordered.amount), shown(order.pay_amount), "Ordered's amount", id);
    check.same(check.log.words.text(story.facts.front().status), "ORDERED", "Ordered's status", id);
    if (ordered.texts != hash_of_texts(order.address, order.pay_type)) {
        check.violate("order {}: Ordered has another address or type of payment", id);
    }
}

/// What other contexts took over from the order.
void check_copies(const OrderCheck& check, const Story& story) {
    const OrderRow& order = story.orders[0];
    const std::int64_t id = order.id;
    if (!story.deliverables.empty()) {
        check.same(story.deliverables[0].book_id, order.book_id, "the deliverable's book", id);
        check.same(
            story.deliverables[0].quantity, order.quantity, "the deliverable's quantity", id
        );
    }
    if (!story.deliveries.empty()) {
        check.same(story.deliveries[0].address, order.address, "the delivery's address", id);
    }
    if (!story.payments.empty()) {
        check.same(
            shown(story.payments[0].amount), shown(order.pay_amount), "the payment's amount", id
        );
        check.same(shown(story.payments[0].type), shown(order.pay_type), "the payment's type", id);
    }
    if (!story.pages.empty()) {
        const MyPageRow& page = story.pages[0];
        check.same(page.customer_id, order.customer_id, "My Page's customer", id);
        check.same(page.book_id, order.book_id, "My Page's book", id);
        check.same(page.quantity, order.quantity, "My Page's quantity", id);
        check.same(page.address, order.address, "My Page's address", id);
        check.same(shown(page.pay_amount), shown(order.pay_amount), "My Page's amount", id);
        check.same(page.ordered_at, story.ordered.front().time_ms, "My Page's time", id);
    }
}

/// Invariant 5: no event stands before one that it reacts to.
void check_order_of_events(const OrderCheck& check, const Story& story) {
    const auto check_cause = [&](Type event, Type cause) {
        const std::int64_t at = story.position(event);
        if (at != no_position &&
            (story.position(cause) == no_position || story.position(cause) > at)) {
            check.violate(
                "order {}: {} stands before {}", story.id, name_of(event), name_of(cause)
            );
        }
    };
    for (const Type event :
         {Type::delivery_prepared, Type::order_canceled, Type::payed, Type::payment_failed}) {
        check_cause(event, Type::ordered);
    }
    check_cause(Type::payment_canceled, Type::payed);
    check_cause(Type::payment_canceled, Type::order_canceled);
    for (const Type event :
         {Type::ordered,
          Type::order_canceled,
          Type::delivery_prepared,
          Type::payed,
          Type::payment_failed,
          Type::payment_canceled}) {
        if (story.count(event) > 1) {
            check.violate(
                "order {}: {} is there {} times", story.id, name_of(event), story.count(event)
            );
        }
    }
}

}  // namespace

MomentCheck::MomentCheck(const Pending& pending, const SqliteFile* van)
    : inventory_(pending.find("inventory", "inventory")),
      delivery_(pending.find("delivery", "delivery")),
      payment_(pending.find("payment", "payment")),
      my_page_(pending.find("customer", "my-page")),
      payment_history_(pending.find("payment_history", "payment-history")),
      payments_(van) {}

void MomentCheck::check(const OrderCheck& check, const Story& story) {
    const OrderRow& order = story.orders[0];
    if (order.unverified() || order.to_verify) {
        check.violate("order {} was ordered, but is to be verified", story.id);
    }
    const auto* ordered = story.facts.empty() ? nullptr : &story.facts.front();
    if (ordered == nullptr && !check.pending.ordered_on_their_way.contains(story.id)) {
        check.violate("order {} was ordered, but its Ordered is lost", story.id);
    } else if (ordered != nullptr && ordered->type != Type::ordered) {
        check.violate("order {}: {} stands before Ordered", story.id, name_of(ordered->type));
        return;
    }
    check_effects(check, story, ordered);
    if (!story.ordered.empty()) {
        check_announcement(check, story);
        check_copies(check, story);
    }
    check_order_of_events(check, story);
    if (!story.payments.empty()) {
        payments_.check(check, story);
    }
}

/// Whoever has handled the Ordered knows the order, and nobody else. An event that was skipped is
/// one that had no effect, in that context alone.
void MomentCheck::check_effects(const OrderCheck& check, const Story& story, const Fact* ordered)
    const {
    const auto once = [&](const Follower* follower, std::size_t rows, std::string_view what) {
        if (follower == nullptr) {
            return;
        }
        const bool due = ordered != nullptr && !follower->skips(*ordered) &&
                         (check.at_rest || follower->handled(*ordered));
        if (rows != (due ? 1U : 0U)) {
            check.violate(
                "order {}: {} {}, though {} has {} its Ordered",
                story.id,
                rows == 0 ? "no" : std::to_string(rows),
                what,
                follower->context,
                due ? "handled" : "not handled"
            );
        }
    };
    once(inventory_, story.deliverables.size(), "deliverable");
    once(delivery_, story.deliveries.size(), "delivery");
    once(payment_, story.payments.size(), "payment");
    once(my_page_, story.pages.size(), "My Page row");
    if (payment_history_ == nullptr) {
        return;
    }
    const auto results = std::ranges::count_if(story.facts, [&](const Fact& fact) {
        const bool result = fact.type == Type::payed || fact.type == Type::payment_failed ||
                            fact.type == Type::payment_canceled;
        return result && !payment_history_->skips(fact) &&
               (check.at_rest || payment_history_->handled(fact));
    });
    if (std::ssize(story.histories) != results) {
        check.violate(
            "order {}: {} rows of payment history for {} events",
            story.id,
            story.histories.size(),
            results
        );
    }
}

}  // namespace bookstore::check
