#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "check/order_check.hpp"

// What holds of an order that is settled.

namespace bookstore::check {
namespace {

/// Everything of an order is there once.
void check_numbers(const OrderCheck& check, const Story& story) {
    const std::int64_t id = story.id;
    check.same(story.deliverables.size(), 1U, "the number of deliverables", id);
    check.same(story.deliveries.size(), 1U, "the number of deliveries", id);
    check.same(story.payments.size(), 1U, "the number of payments", id);
    check.same(story.pages.size(), 1U, "the number of My Page rows", id);
    check.same(story.count(Type::ordered), 1, "the number of Ordered", id);
    check.same(
        story.count(Type::payed) + story.count(Type::payment_failed), 1, "the number of results", id
    );
    check.same(
        story.count(Type::order_canceled), story.orders[0].canceled() ? 1 : 0, "OrderCanceled", id
    );
    if (story.histories.empty()) {
        check.violate("order {} has no payment history", id);
    }
}

void check_histories(const OrderCheck& check, const Story& story) {
    const PaymentRow& payment = story.payments[0];
    std::vector<std::string> published;
    for (const Fact& fact : story.facts) {
        if (fact.type == Type::payed || fact.type == Type::payment_failed ||
            fact.type == Type::payment_canceled) {
            published.push_back(
                fmt::format("{} of {}", check.log.words.text(fact.status), fact.subject)
            );
        }
    }
    std::vector<std::string> rows;
    for (const HistoryRow& history : story.histories) {
        rows.push_back(fmt::format("{} of {}", history.status, history.payment_id));
    }
    std::vector<std::string> expected;
    if (payment.status == "PAYMENT_CANCELED") {
        expected.push_back(fmt::format("PAYMENT_COMPLETED of {}", payment.id));
    }
    expected.push_back(fmt::format("{} of {}", payment.status, payment.id));
    if (rows != expected || published != expected) {
        check.violate(
            "order {}: payment {}, published [{}], history [{}]",
            story.id,
            payment.status,
            fmt::join(published, ", "),
            fmt::join(rows, ", ")
        );
    }
}

/// Invariant 4: never shipped in the end; stock and money are back.
void check_canceled(const OrderCheck& check, const Story& story) {
    check.same(
        story.deliveries[0].status, "CancelDelivery", "the canceled order's delivery", story.id
    );
    check.same(story.deliverables[0].status, "DeliveryCanceled", "its deliverable", story.id);
    if (story.payments[0].status == "PAYMENT_COMPLETED") {
        check.violate("order {} is canceled, but its money was kept", story.id);
    }
}

void check_going(const OrderCheck& check, const Story& story) {
    const std::int64_t id = story.id;
    const std::string& status = story.orders[0].status;
    const std::string& deliverable = story.deliverables[0].status;
    const std::string& delivery = story.deliveries[0].status;
    if (story.payments[0].status == "PAYMENT_CANCELED") {
        check.violate("order {} is {}, but its money went back", id, status);
    }
    if (deliverable == "Stock_Lacked") {
        check.same(
            story.count(Type::delivery_prepared), 0, "DeliveryPrepared of a waiting order", id
        );
        check.same(delivery, "CreateDelivery", "the waiting order's delivery", id);
        check.same(status, "ORDERED", "the waiting order's status", id);
        return;
    }
    check.same(deliverable, "Delivery_Prepared", "the deliverable", id);
    check.same(story.count(Type::delivery_prepared), 1, "the number of DeliveryPrepared", id);
    if (delivery != "Shipped" && delivery != "InTransit" && delivery != "Delivered" &&
        delivery != "Returned") {
        check.violate("order {} is prepared, but its delivery is {}", id, delivery);
    }
    check.same(status, delivery, "the shipped order's status", id);
}

void check_page(const OrderCheck& check, const Story& story) {
    const MyPageRow& page = story.pages[0];
    const DeliveryRow& delivery = story.deliveries[0];
    const bool is_known = delivery.status != "CreateDelivery";
    const auto status = is_known ? std::optional(delivery.status) : std::nullopt;
    const auto delivery_id = is_known ? std::optional(delivery.id) : std::nullopt;
    check.same(page.order_status, story.orders[0].status, "My Page's status", story.id);
    check.same(shown(page.delivery_status), shown(status), "My Page's delivery status", story.id);
    check.same(shown(page.delivery_id), shown(delivery_id), "My Page's delivery", story.id);
    check.same(shown(page.pay_status), story.payments[0].status, "My Page's pay status", story.id);
}

/// The delivery is a function of the topic: what was prepared before it was canceled was
/// shipped first; nothing follows CancelDelivery; no status is published twice in a row.
void check_delivery_events(const OrderCheck& check, const Story& story) {
    const std::int64_t id = story.id;
    const std::int64_t prepared = story.position(Type::delivery_prepared);
    const std::int64_t canceled = story.position(Type::order_canceled);
    std::vector<std::string_view> statuses;
    for (const Fact& fact : story.facts) {
        if (fact.type != Type::delivery_status_changed) {
            continue;
        }
        statuses.push_back(check.log.words.text(fact.status));
        const bool recall = statuses.back() == "CancelDelivery";
        const std::int64_t cause = recall ? canceled : prepared;
        if (cause == no_position || cause > fact.position) {
            check.violate("order {}: {} stands before its cause", id, statuses.back());
        }
        check.same(fact.subject, story.deliveries[0].id, "DeliveryStatusChanged's delivery", id);
    }
    const bool shipped =
        prepared != no_position && (canceled == no_position || prepared < canceled);
    const auto cancel = std::ranges::find(statuses, "CancelDelivery");
    const bool well_formed = (statuses.empty() || !shipped || statuses[0] == "Shipped") &&
                             (cancel == statuses.end() || cancel + 1 == statuses.end()) &&
                             std::ranges::adjacent_find(statuses) == statuses.end();
    const std::string_view last = statuses.empty() ? "CreateDelivery" : statuses.back();
    if (!well_formed || (shipped && statuses.empty()) || last != story.deliveries[0].status) {
        check.violate(
            "order {}: delivery {} published [{}]",
            id,
            story.deliveries[0].status,
            fmt::join(statuses, ", ")
        );
    }
}

}  // namespace

void check_settled(const OrderCheck& check, const Story& story) {
    const std::int64_t before = check.findings.count();
    check_numbers(check, story);
    if (check.findings.count() != before) {
        return;
    }
    check_histories(check, story);
    if (story.orders[0].canceled()) {
        check_canceled(check, story);
    } else {
        check_going(check, story);
    }
    check_page(check, story);
    check_delivery_events(check, story);
}

}  // namespace bookstore::check
