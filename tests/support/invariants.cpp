#include "support/invariants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace bookstore::test {
namespace {

using Event = StoredState::Event;
using Order = StoredState::Order;

constexpr std::int64_t nowhere = 0;  ///< the position of an event that is not there

/// One order and everything that refers to it, in any file.
struct Story {
    const Order* order = nullptr;
    std::vector<const StoredState::Deliverable*> deliverables;
    std::vector<const StoredState::Delivery*> deliveries;
    std::vector<const StoredState::Payment*> payments;
    std::vector<const StoredState::MyPage*> pages;
    std::vector<const StoredState::History*> histories;
    std::vector<const Event*> events;

    std::int64_t count(std::string_view type) const {
        return std::ranges::count_if(events, [&](const Event* e) { return e->type == type; });
    }
    std::int64_t position(std::string_view type) const {
        const auto found =
            std::ranges::find_if(events, [&](const Event* e) { return e->type == type; });
        return found == events.end() ? nowhere : (*found)->position;
    }
};

std::string text(const std::optional<std::string>& value) {
    return value.value_or("null");
}
std::string text(const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : "null";
}

std::string field(const Event& event, std::string_view name) {
    const auto* value = event.payload.if_contains(name);
    if (value == nullptr) {
        return "missing";
    }
    return value->is_string() ? std::string(value->get_string()) : boost::json::serialize(*value);
}

std::optional<std::int64_t> cents(const Event& event, std::string_view name) {
    const auto& value = event.payload.at(name);
    return value.is_null() ? std::nullopt
                           : std::optional(std::llround(value.to_number<double>() * 100));
}

class Checker {
  public:
    explicit Checker(const StoredState& state) : state_(state) {
        for (const Order& order : state.orders) {
            stories_[order.id].order = &order;
        }
        gather(state.deliverables, &Story::deliverables);
        gather(state.deliveries, &Story::deliveries);
        gather(state.payments, &Story::payments);
        gather(state.my_pages, &Story::pages);
        gather(state.histories, &Story::histories);
        for (const Event& event : state.events) {
            if (const auto* id = event.payload.if_contains("orderId")) {
                stories_[id->as_int64()].events.push_back(&event);
            }
        }
    }

    std::vector<std::string> run() {
        check_bus();
        check_topic();
        check_ids();
        check_customers();
        check_books();
        for (const auto& [id, story] : stories_) {
            if (story.order == nullptr) {
                violate("something refers to order {}, which does not exist", id);
            } else if (story.order->was_ordered) {
                check_ordered(story);
            } else {
                check_never_ordered(story);
            }
        }
        return std::move(violations_);
    }

  private:
    template <class... Args>
    void violate(fmt::format_string<Args...> pattern, Args&&... args) {
        violations_.push_back(fmt::format(pattern, std::forward<Args>(args)...));
    }

    /// Says so when they differ.
    template <class A, class B>
    void same(const A& is, const B& should_be, std::string_view what, std::int64_t order) {
        if (is != should_be) {
            violate("order {}: {} is {}, not {}", order, what, is, should_be);
        }
    }

    template <class Row>
    void gather(const std::vector<Row>& rows, std::vector<const Row*> Story::* into) {
        for (const Row& row : rows) {
            (stories_[row.order_id].*into).push_back(&row);
        }
    }

    // ---- outboxes, topic, cursors

    void check_bus() {
        for (const auto& [name, bus] : state_.modules) {
            const auto found = state_.relayed.find(name);
            const std::int64_t relayed = found == state_.relayed.end() ? 0 : found->second;
            if (bus.outbox_end > relayed || bus.published != relayed) {
                violate("{} published up to {}, but {} were relayed", name, bus.published, relayed);
            }
            if (bus.held != 0) {
                violate("{} holds {} events", name, bus.held);
            }
            for (const auto& [subscription, position] : bus.cursors) {
                if (position > end()) {
                    violate("{} stands at {}, beyond the end {}", subscription, position, end());
                }
                if (subscription.ends_with(".rebuild")) {
                    violate("{} was left behind", subscription);
                }
            }
        }
    }

    std::int64_t end() const { return state_.events.empty() ? 0 : state_.events.back().position; }

    void check_topic() {
        std::map<std::string, std::int64_t> last;
        std::int64_t position = 0;
        for (const Event& event : state_.events) {
            if (event.position != ++position) {
                violate("the topic has no position {}, but {}", position, event.position);
                position = event.position;
            }
            std::int64_t& before = last[event.source];
            if (event.source_position != before + 1) {
                violate(
                    "topic {}: {} has {} behind {}",
                    event.position,
                    event.source,
                    event.source_position,
                    before
                );
            }
            before = event.source_position;
            check_event(event);
        }
        for (const auto& [source, relayed] : state_.relayed) {
            if (last[source] != relayed) {
                violate("{}: relayed {}, in the topic {}", source, relayed, last[source]);
            }
        }
    }

    void check_event(const Event& event) {
        const auto key_by = [&](std::string_view kind, std::string_view name) {
            return fmt::format("{}-{}", kind, field(event, name));
        };
        const std::string key = event.payload.contains("orderId") ? key_by("order", "orderId")
                                : event.payload.contains("bookId")
                                    ? key_by("book", "bookId")
                                    : key_by("customer", "customerId");
        if (event.key != key || field(event, "eventType") != event.type) {
            violate("topic {}: {} {} holds another event", event.position, event.type, event.key);
        }
    }

    template <class Row>
    void contiguous(const std::vector<Row>& rows, std::string_view table) {
        std::int64_t expected = 0;
        for (const Row& row : rows) {
            if (row.id != ++expected) {
                violate("{}: id {} stands where {} should", table, row.id, expected);
                return;
            }
        }
    }

    void check_ids() {
        contiguous(state_.customers, "customers");
        contiguous(state_.my_pages, "my pages");
        contiguous(state_.books, "books");
        contiguous(state_.stock_inputs, "stock inputs");
        contiguous(state_.deliverables, "deliverables");
        contiguous(state_.orders, "orders");
        contiguous(state_.deliveries, "deliveries");
        contiguous(state_.payments, "payments");
        contiguous(state_.histories, "payment histories");
    }

    /// How often each event of that type is in the topic, by the id in that field.
    std::map<std::int64_t, std::int64_t> counted(std::string_view type, std::string_view id) const {
        std::map<std::int64_t, std::int64_t> counts;
        for (const Event& event : state_.events) {
            if (event.type == type) {
                ++counts[event.payload.at(id).as_int64()];
            }
        }
        return counts;
    }

    void check_customers() {
        auto registered = counted("Registered", "customerId");
        auto deleted = counted("Deleted", "customerId");
        std::int64_t gone = 0;
        for (const auto& customer : state_.customers) {
            gone += customer.deleted ? 1 : 0;
            if (registered[customer.id] != 1 ||
                deleted[customer.id] != (customer.deleted ? 1 : 0)) {
                violate(
                    "customer {}: {} Registered, {} Deleted",
                    customer.id,
                    registered[customer.id],
                    deleted[customer.id]
                );
            }
        }
        if (registered.size() != state_.customers.size() || gone != state_.customers_deleted) {
            violate("customers: their count is not what the events or the deleted ones say");
        }
    }

    // ---- books (invariant 3)

    void check_books() {
        auto registered = counted("BookRegistered", "bookId");
        auto deleted = counted("BookDeleted", "bookId");
        std::map<std::int64_t, std::int64_t> taken;
        std::map<std::int64_t, std::int64_t> smallest;
        for (const auto& deliverable : state_.deliverables) {
            if (deliverable.status == "Delivery_Prepared") {
                taken[deliverable.book_id] += deliverable.quantity;
            } else if (deliverable.status == "Stock_Lacked") {
                const auto at = smallest.try_emplace(deliverable.book_id, deliverable.quantity);
                at.first->second = std::min(at.first->second, deliverable.quantity);
            }
        }
        std::int64_t gone = 0;
        for (const auto& book : state_.books) {
            gone += book.deleted ? 1 : 0;
            if (book.stock < 0 || book.received != book.stock + taken[book.id]) {
                violate(
                    "book {}: received {}, but stock {} and prepared {}",
                    book.id,
                    book.received,
                    book.stock,
                    taken[book.id]
                );
            }
            const auto waiting = smallest.find(book.id);
            if (waiting != smallest.end() && waiting->second <= book.stock) {
                violate("book {}: {} wait, stock is {}", book.id, waiting->second, book.stock);
            }
            if (registered[book.id] != 1 || deleted[book.id] != (book.deleted ? 1 : 0)) {
                violate("book {}: its events are not once each", book.id);
            }
        }
        if (registered.size() != state_.books.size() || gone != state_.books_deleted) {
            violate("books: their count is not what the events or the deleted ones say");
        }
        if (state_.books_being_served != 0) {
            violate("{} books are still being served", state_.books_being_served);
        }
    }

    // ---- one order

    void check_never_ordered(const Story& story) {
        const Order& order = *story.order;
        if (!order.unverified() && !order.canceled()) {
            violate("order {} is {}, but was never ordered", order.id, order.status);
        }
        if (!order.unverified() && order.to_verify) {
            violate("order {} is {}, and still to be verified", order.id, order.status);
        }
        const bool alone = story.deliverables.empty() && story.deliveries.empty() &&
                           story.payments.empty() && story.pages.empty() &&
                           story.histories.empty() && story.events.empty();
        if (!alone) {
            violate("order {} was never ordered, but other contexts know it", order.id);
        }
    }

    void check_ordered(const Story& story) {
        const std::int64_t id = story.order->id;
        const std::size_t before = violations_.size();
        same(story.deliverables.size(), 1U, "the number of deliverables", id);
        same(story.deliveries.size(), 1U, "the number of deliveries", id);
        same(story.payments.size(), 1U, "the number of payments", id);
        same(story.pages.size(), 1U, "the number of My Page rows", id);
        same(story.count("Ordered"), 1, "the number of Ordered", id);
        same(story.count("Payed") + story.count("PaymentFailed"), 1, "the number of results", id);
        same(story.count("OrderCanceled"), story.order->canceled() ? 1 : 0, "OrderCanceled", id);
        if (story.histories.empty()) {
            violate("order {} has no payment history", id);
        }
        if (story.order->unverified() || story.order->to_verify) {
            violate("order {} was ordered, but is to be verified", id);
        }
        if (violations_.size() != before) {
            return;
        }
        check_copies(story);
        check_payment(story);
        check_histories(story);
        if (story.order->canceled()) {
            check_canceled(story);
        } else {
            check_going(story);
        }
        check_page(story);
        check_order_of_events(story);
        check_delivery_events(story);
    }

    /// What other contexts took over from the order.
    void check_copies(const Story& story) {
        const Order& order = *story.order;
        const Event& ordered = *story.events.front();
        if (ordered.type != "Ordered") {
            violate("order {}: {} stands before Ordered", order.id, ordered.type);
            return;
        }
        same(field(ordered, "bookId"), std::to_string(order.book_id), "Ordered's book", order.id);
        same(
            field(ordered, "customerId"),
            std::to_string(order.customer_id),
            "Ordered's customer",
            order.id
        );
        same(
            field(ordered, "quantity"),
            std::to_string(order.quantity),
            "Ordered's quantity",
            order.id
        );
        same(field(ordered, "deliveryAddress"), order.address, "Ordered's address", order.id);
        same(field(ordered, "orderStatus"), "ORDERED", "Ordered's status", order.id);
        same(
            text(cents(ordered, "payAmount")), text(order.pay_amount), "Ordered's amount", order.id
        );
        same(field(ordered, "payType"), text(order.pay_type), "Ordered's type", order.id);
        same(story.deliverables[0]->book_id, order.book_id, "the deliverable's book", order.id);
        same(
            story.deliverables[0]->quantity, order.quantity, "the deliverable's quantity", order.id
        );
        same(story.deliveries[0]->address, order.address, "the delivery's address", order.id);
        same(
            text(story.payments[0]->amount),
            text(order.pay_amount),
            "the payment's amount",
            order.id
        );
        same(text(story.payments[0]->type), text(order.pay_type), "the payment's type", order.id);
    }

    /// Invariant 2: VAN's ledger agrees.
    void check_payment(const Story& story) {
        const auto& payment = *story.payments[0];
        const std::int64_t id = story.order->id;
        if (payment.under_way || payment.status == "PAYMENT_REQUESTED") {
            violate("order {}: VAN is still to be asked, {}", id, payment.status);
            return;
        }
        const auto entry = state_.ledger.find(payment.key);
        if (!payment.amount) {
            if (entry != state_.ledger.end()) {
                violate("order {} has no amount, but VAN knows it", id);
            }
            return;
        }
        if (entry == state_.ledger.end()) {
            violate("order {} is {}, but VAN does not know it", id, payment.status);
            return;
        }
        const auto& [amount, answer, canceled] = entry->second;
        const bool failed = payment.status == "PAYMENT_FAILED";
        const bool back = payment.status == "PAYMENT_CANCELED";
        if (answer != (failed ? "PAYMENT_FAILED" : "PAYMENT_COMPLETED") || canceled != back) {
            violate(
                "order {} is {}, but VAN says {}{}",
                id,
                payment.status,
                answer,
                canceled ? ", canceled" : ""
            );
        }
        if (amount != payment.amount && !(failed && !amount)) {
            violate("order {}: VAN charged {} cents, not {}", id, text(amount), *payment.amount);
        }
    }

    void check_histories(const Story& story) {
        const auto& payment = *story.payments[0];
        std::vector<std::string> published;
        for (const Event* event : story.events) {
            if (event->payload.contains("payStatus")) {
                published.push_back(
                    field(*event, "payStatus") + " of " + field(*event, "paymentId")
                );
            }
        }
        std::vector<std::string> rows;
        for (const auto* history : story.histories) {
            rows.push_back(fmt::format("{} of {}", history->status, history->payment_id));
        }
        std::vector<std::string> expected;
        if (payment.status == "PAYMENT_CANCELED") {
            expected.push_back(fmt::format("PAYMENT_COMPLETED of {}", payment.id));
        }
        expected.push_back(fmt::format("{} of {}", payment.status, payment.id));
        if (rows != expected || published != expected) {
            violate(
                "order {}: payment {}, published [{}], history [{}]",
                story.order->id,
                payment.status,
                fmt::join(published, ", "),
                fmt::join(rows, ", ")
            );
        }
    }

    /// Invariant 4: never shipped in the end; stock and money are back.
    void check_canceled(const Story& story) {
        const std::int64_t id = story.order->id;
        const std::string& payment = story.payments[0]->status;
        same(story.deliveries[0]->status, "CancelDelivery", "the canceled order's delivery", id);
        same(story.deliverables[0]->status, "DeliveryCanceled", "its deliverable", id);
        if (payment == "PAYMENT_COMPLETED") {
            violate("order {} is canceled, but its money was kept", id);
        }
    }

    void check_going(const Story& story) {
        const std::int64_t id = story.order->id;
        const std::string& deliverable = story.deliverables[0]->status;
        const std::string& delivery = story.deliveries[0]->status;
        if (story.payments[0]->status == "PAYMENT_CANCELED") {
            violate("order {} is {}, but its money went back", id, story.order->status);
        }
        if (deliverable == "Stock_Lacked") {
            same(story.count("DeliveryPrepared"), 0, "DeliveryPrepared of a waiting order", id);
            same(delivery, "CreateDelivery", "the waiting order's delivery", id);
            same(story.order->status, "ORDERED", "the waiting order's status", id);
            return;
        }
        static const std::set<std::string> on_its_way{
            "Shipped", "InTransit", "Delivered", "Returned"
        };
        same(deliverable, "Delivery_Prepared", "the deliverable", id);
        same(story.count("DeliveryPrepared"), 1, "the number of DeliveryPrepared", id);
        if (!on_its_way.contains(delivery)) {
            violate("order {} is prepared, but its delivery is {}", id, delivery);
        }
        same(story.order->status, delivery, "the shipped order's status", id);
    }

    void check_page(const Story& story) {
        const Order& order = *story.order;
        const auto& page = *story.pages[0];
        const auto& delivery = *story.deliveries[0];
        const bool told = delivery.status != "CreateDelivery";
        const auto status = told ? std::optional(delivery.status) : std::nullopt;
        const auto delivery_id = told ? std::optional(delivery.id) : std::nullopt;
        same(page.customer_id, order.customer_id, "My Page's customer", order.id);
        same(page.book_id, order.book_id, "My Page's book", order.id);
        same(page.quantity, order.quantity, "My Page's quantity", order.id);
        same(page.address, order.address, "My Page's address", order.id);
        same(text(page.pay_amount), text(order.pay_amount), "My Page's amount", order.id);
        same(page.order_status, order.status, "My Page's status", order.id);
        same(text(page.delivery_status), text(status), "My Page's delivery status", order.id);
        same(text(page.delivery_id), text(delivery_id), "My Page's delivery", order.id);
        same(text(page.pay_status), story.payments[0]->status, "My Page's pay status", order.id);
        same(page.ordered_at, story.events.front()->time_ms, "My Page's time", order.id);
    }

    // ---- invariant 5: no event stands before one that it reacts to

    void check_order_of_events(const Story& story) {
        const std::int64_t id = story.order->id;
        const auto behind = [&](std::string_view event, std::string_view cause) {
            const std::int64_t at = story.position(event);
            if (at != nowhere && (story.position(cause) == nowhere || story.position(cause) > at)) {
                violate("order {}: {} stands before {}", id, event, cause);
            }
        };
        for (const std::string_view event :
             {"DeliveryPrepared", "OrderCanceled", "Payed", "PaymentFailed"}) {
            behind(event, "Ordered");
        }
        behind("PaymentCanceled", "Payed");
        behind("PaymentCanceled", "OrderCanceled");
        for (const std::string_view event :
             {"OrderCanceled", "DeliveryPrepared", "PaymentCanceled"}) {
            if (story.count(event) > 1) {
                violate("order {}: {} is there {} times", id, event, story.count(event));
            }
        }
    }

    /// The delivery is a function of the topic: what was prepared before it was canceled was
    /// shipped first; nothing follows CancelDelivery; no status is published twice in a row.
    void check_delivery_events(const Story& story) {
        const std::int64_t id = story.order->id;
        const std::int64_t prepared = story.position("DeliveryPrepared");
        const std::int64_t canceled = story.position("OrderCanceled");
        std::vector<std::string> statuses;
        for (const Event* event : story.events) {
            if (event->type != "DeliveryStatusChanged") {
                continue;
            }
            statuses.push_back(field(*event, "deliveryStatus"));
            const bool recall = statuses.back() == "CancelDelivery";
            const std::int64_t cause = recall ? canceled : prepared;
            if (cause == nowhere || cause > event->position) {
                violate("order {}: {} stands before its cause", id, statuses.back());
            }
            same(
                field(*event, "id"),
                std::to_string(story.deliveries[0]->id),
                "DeliveryStatusChanged's delivery",
                id
            );
        }
        const bool shipped = prepared != nowhere && (canceled == nowhere || prepared < canceled);
        const auto cancel = std::ranges::find(statuses, "CancelDelivery");
        const bool well_formed = (statuses.empty() || !shipped || statuses[0] == "Shipped") &&
                                 (cancel == statuses.end() || cancel + 1 == statuses.end()) &&
                                 std::ranges::adjacent_find(statuses) == statuses.end();
        const std::string last = statuses.empty() ? "CreateDelivery" : statuses.back();
        if (!well_formed || (shipped && statuses.empty()) || last != story.deliveries[0]->status) {
            violate(
                "order {}: delivery {} published [{}]",
                id,
                story.deliveries[0]->status,
                fmt::join(statuses, ", ")
            );
        }
    }

    const StoredState& state_;
    std::map<std::int64_t, Story> stories_;
    std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> violated_invariants(const StoredState& state) {
    return Checker(state).run();
}

std::vector<std::string> violated_invariants(const std::string& data_dir, const std::string& vfs) {
    return violated_invariants(read_stored_state(data_dir, vfs));
}

}  // namespace bookstore::test
