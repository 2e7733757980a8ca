#include "check/orders.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <stdexcept>

namespace bookstore::check {
namespace {

using Rows = SqliteFile::Rows;

constexpr std::int64_t nowhere = 0;  ///< the position of an event that is not there
constexpr std::int64_t no_more = std::numeric_limits<std::int64_t>::max();

std::string text(const std::optional<std::string>& value) {
    return value.value_or("null");
}
std::string text(const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : "null";
}

struct Order {
    std::int64_t id;
    std::int64_t book_id;
    std::int64_t customer_id;
    std::int64_t quantity;
    std::string address;
    std::string status;
    std::optional<std::int64_t> pay_amount;
    std::optional<std::string> pay_type;
    bool was_ordered;
    bool to_verify;

    static constexpr auto sql =
        "SELECT id, book_id, customer_id, quantity, delivery_address, status, pay_amount, "
        "pay_type, was_ordered, next_try IS NOT NULL FROM orders ORDER BY id";
    static Order in(const Rows& row) {
        return {
            row.integer(0),
            row.integer(1),
            row.integer(2),
            row.integer(3),
            row.string(4),
            row.string(5),
            row.optional_integer(6),
            row.optional_string(7),
            row.flag(8),
            row.flag(9)
        };
    }
    std::int64_t order() const { return id; }
    bool unverified() const { return status.ends_with("_Not_Verified"); }
    bool canceled() const { return status == "CANCELED"; }
};

struct Deliverable {
    std::int64_t order_id;
    std::int64_t book_id;
    std::int64_t quantity;
    std::string status;

    static constexpr auto sql =
        "SELECT order_id, book_id, quantity, status FROM deliverable ORDER BY order_id";
    static Deliverable in(const Rows& row) {
        return {row.integer(0), row.integer(1), row.integer(2), row.string(3)};
    }
    std::int64_t order() const { return order_id; }
};

struct Delivery {
    std::int64_t order_id;
    std::int64_t id;
    std::string address;
    std::string status;

    static constexpr auto sql =
        "SELECT order_id, id, address, status FROM delivery ORDER BY order_id";
    static Delivery in(const Rows& row) {
        return {row.integer(0), row.integer(1), row.string(2), row.string(3)};
    }
    std::int64_t order() const { return order_id; }
};

struct Payment {
    std::int64_t order_id;
    std::int64_t id;
    std::optional<std::int64_t> amount;
    std::string status;
    std::optional<std::string> type;
    std::string key;
    std::optional<std::string> call;
    bool due;

    static constexpr auto sql =
        "SELECT order_id, id, amount, status, type, key, call, next_try IS NOT NULL FROM payment "
        "ORDER BY order_id";
    static Payment in(const Rows& row) {
        return {
            row.integer(0),
            row.integer(1),
            row.optional_integer(2),
            row.string(3),
            row.optional_string(4),
            row.string(5),
            row.optional_string(6),
            row.flag(7)
        };
    }
    std::int64_t order() const { return order_id; }
    bool under_way() const { return call.has_value() && due; }
};

struct MyPage {
    std::int64_t order_id;
    std::int64_t customer_id;
    std::int64_t book_id;
    std::int64_t quantity;
    std::string address;
    std::string order_status;
    std::optional<std::string> delivery_status;
    std::optional<std::int64_t> delivery_id;
    std::optional<std::int64_t> pay_amount;
    std::optional<std::string> pay_status;
    std::int64_t ordered_at;

    static constexpr auto sql =
        "SELECT order_id, customer_id, book_id, quantity, delivery_address, order_status, "
        "delivery_status, delivery_id, pay_amount, pay_status, ordered_at FROM my_page "
        "ORDER BY order_id";
    static MyPage in(const Rows& row) {
        return {
            row.integer(0),
            row.integer(1),
            row.integer(2),
            row.integer(3),
            row.string(4),
            row.string(5),
            row.optional_string(6),
            row.optional_integer(7),
            row.optional_integer(8),
            row.optional_string(9),
            row.integer(10)
        };
    }
    std::int64_t order() const { return order_id; }
};

struct History {
    std::int64_t order_id;
    std::string status;
    std::int64_t payment_id;

    static constexpr auto sql =
        "SELECT order_id, pay_status, payment_id FROM payment_history ORDER BY order_id, id";
    static History in(const Rows& row) { return {row.integer(0), row.string(1), row.integer(2)}; }
    std::int64_t order() const { return order_id; }
};

/// A table's rows in the order of their orders, taken an order at a time.
template <class Row>
class ByOrder {
  public:
    explicit ByOrder(const SqliteFile& file) : rows_(file.rows(Row::sql)) { read(); }

    /// The order of the next row.
    std::int64_t next_order() const { return next_ ? next_->order() : no_more; }
    /// Those of that order, which is the least one of all that are left.
    void take(std::int64_t order, std::vector<Row>& into) {
        into.clear();
        while (next_order() == order) {
            into.push_back(std::move(*next_));
            read();
        }
    }

  private:
    void read() { next_ = rows_.next() ? std::optional(Row::in(rows_)) : std::nullopt; }

    Rows rows_;
    std::optional<Row> next_;
};

/// One order and everything that refers to it, in any file.
struct Story {
    std::int64_t id = 0;
    std::vector<Order> orders;
    std::vector<Deliverable> deliverables;
    std::vector<Delivery> deliveries;
    std::vector<Payment> payments;
    std::vector<MyPage> pages;
    std::vector<History> histories;
    std::span<const Fact> facts;
    std::span<const OrderedFact> ordered;

    std::int64_t count(Type type) const { return std::ranges::count(facts, type, &Fact::type); }
    std::int64_t position(Type type) const {
        const auto found = std::ranges::find(facts, type, &Fact::type);
        return found == facts.end() ? nowhere : found->position;
    }
};

/// What the waiting and the prepared of a book need.
struct Demand {
    std::int64_t prepared = 0;
    std::int64_t smallest_waiting = no_more;
};

class Checker {
  public:
    Checker(
        const Files& files, const Log& log, const Pending& pending, bool at_rest, Findings& findings
    )
        : files_(files), log_(log), pending_(pending), at_rest_(at_rest), findings_(findings) {
        if (const auto van = files.find("van"); van != files.end()) {
            ledger_.emplace(
                van->second->rows("SELECT amount, answer, canceled FROM ledger WHERE key = ?1")
            );
        }
    }

    Counts run() {
        walk();
        check_books();
        return counts_;
    }

  private:
    const SqliteFile& file(std::string_view context) const {
        const auto found = files_.find(context);
        if (found == files_.end()) {
            throw std::logic_error(fmt::format("no file of {} is checked", context));
        }
        return *found->second;
    }

    template <class... Args>
    void violate(fmt::format_string<Args...> pattern, Args&&... args) {
        findings_.add(pattern, std::forward<Args>(args)...);
    }

    /// Says so when they differ.
    template <class A, class B>
    void same(const A& is, const B& should_be, std::string_view what, std::int64_t order) {
        if (is != should_be) {
            violate("order {}: {} is {}, not {}", order, what, is, should_be);
        }
    }

    /// The rows of that order at the front of what is left.
    template <class Row>
    static std::span<const Row> take(std::span<const Row>& left, std::int64_t order) {
        const auto end = std::ranges::find_if(left, [&](const Row& r) { return r.order != order; });
        const auto taken = left.first(static_cast<std::size_t>(end - left.begin()));
        left = left.subspan(taken.size());
        return taken;
    }

    void walk() {
        ByOrder<Order> orders(file("order"));
        ByOrder<Deliverable> deliverables(file("inventory"));
        ByOrder<Delivery> deliveries(file("delivery"));
        ByOrder<Payment> payments(file("payment"));
        ByOrder<MyPage> pages(file("customer"));
        ByOrder<History> histories(file("payment_history"));
        std::span<const Fact> facts(log_.facts);
        std::span<const OrderedFact> ordered(log_.ordered);
        Story story;
        for (;;) {
            story.id = std::min(
                {orders.next_order(),
                 deliverables.next_order(),
                 deliveries.next_order(),
                 payments.next_order(),
                 pages.next_order(),
                 histories.next_order(),
                 facts.empty() ? no_more : facts.front().order}
            );
            if (story.id == no_more) {
                return;
            }
            orders.take(story.id, story.orders);
            deliverables.take(story.id, story.deliverables);
            deliveries.take(story.id, story.deliveries);
            payments.take(story.id, story.payments);
            pages.take(story.id, story.pages);
            histories.take(story.id, story.histories);
            story.facts = take(facts, story.id);
            story.ordered = take(ordered, story.id);
            check(story);
        }
    }

    void check(const Story& story) {
        for (const Deliverable& deliverable : story.deliverables) {
            Demand& demand = demands_[deliverable.book_id];
            if (deliverable.status == "Delivery_Prepared") {
                demand.prepared += deliverable.quantity;
            } else if (deliverable.status == "Stock_Lacked") {
                demand.smallest_waiting = std::min(demand.smallest_waiting, deliverable.quantity);
            }
        }
        if (story.orders.empty()) {
            violate("something refers to order {}, which does not exist", story.id);
            return;
        }
        ++counts_.orders;
        const Order& order = story.orders[0];
        counts_.unverified += order.unverified() ? 1 : 0;
        if (order.was_ordered) {
            check_ordered(story);
        } else {
            check_never_ordered(story);
        }
    }

    void check_never_ordered(const Story& story) {
        const Order& order = story.orders[0];
        if (!order.unverified() && !order.canceled()) {
            violate("order {} is {}, but was never ordered", order.id, order.status);
        }
        if (!order.unverified() && order.to_verify) {
            violate("order {} is {}, and still to be verified", order.id, order.status);
        }
        const bool alone = story.deliverables.empty() && story.deliveries.empty() &&
                           story.payments.empty() && story.pages.empty() &&
                           story.histories.empty() && story.facts.empty();
        if (!alone || pending_.on_their_way.contains(order.id)) {
            violate("order {} was never ordered, but other contexts know it", order.id);
        }
    }

    /// Nothing is still to happen to it by itself.
    bool settled(const Story& story) const {
        return !pending_.skipped.contains(story.id) && !pending_.on_their_way.contains(story.id) &&
               std::ranges::none_of(
                   story.facts, [&](const Fact& fact) { return pending_.awaited(fact); }
               ) &&
               std::ranges::none_of(story.payments, &Payment::under_way);
    }

    void check_ordered(const Story& story) {
        const std::int64_t before = findings_.count();
        const bool is_settled = at_rest_ || settled(story);
        counts_.skipped += pending_.skipped.contains(story.id) ? 1 : 0;
        counts_.unsettled += is_settled || pending_.skipped.contains(story.id) ? 0 : 1;
        check_always(story);
        if (!is_settled || findings_.count() != before) {
            return;
        }
        const std::int64_t id = story.id;
        same(story.deliverables.size(), 1U, "the number of deliverables", id);
        same(story.deliveries.size(), 1U, "the number of deliveries", id);
        same(story.payments.size(), 1U, "the number of payments", id);
        same(story.pages.size(), 1U, "the number of My Page rows", id);
        same(story.count(Type::ordered), 1, "the number of Ordered", id);
        same(
            story.count(Type::payed) + story.count(Type::payment_failed),
            1,
            "the number of results",
            id
        );
        same(
            story.count(Type::order_canceled),
            story.orders[0].canceled() ? 1 : 0,
            "OrderCanceled",
            id
        );
        if (story.histories.empty()) {
            violate("order {} has no payment history", id);
        }
        if (findings_.count() != before) {
            return;
        }
        check_histories(story);
        if (story.orders[0].canceled()) {
            check_canceled(story);
        } else {
            check_going(story);
        }
        check_page(story);
        check_delivery_events(story);
    }

    // ---- what holds at every moment, between any two commits

    void check_always(const Story& story) {
        const Order& order = story.orders[0];
        if (order.unverified() || order.to_verify) {
            violate("order {} was ordered, but is to be verified", story.id);
        }
        const auto* ordered = story.facts.empty() ? nullptr : &story.facts.front();
        if (ordered == nullptr && !pending_.ordered_on_their_way.contains(story.id)) {
            violate("order {} was ordered, but its Ordered is lost", story.id);
        } else if (ordered != nullptr && ordered->type != Type::ordered) {
            violate("order {}: {} stands before Ordered", story.id, name_of(ordered->type));
            return;
        }
        if (!pending_.skipped.contains(story.id)) {
            check_effects(story, ordered);
        }
        if (!story.ordered.empty()) {
            check_copies(story);
        }
        check_order_of_events(story);
        if (!story.payments.empty()) {
            check_payment(story);
        }
    }

    /// Whoever has handled the Ordered knows the order, and nobody else.
    void check_effects(const Story& story, const Fact* ordered) {
        const auto once = [&](const Follower& follower, std::size_t rows, std::string_view what) {
            const bool due = ordered != nullptr && (at_rest_ || follower.handled(*ordered));
            if (rows != (due ? 1U : 0U)) {
                violate(
                    "order {}: {} {}, though {} has {} its Ordered",
                    story.id,
                    rows == 0 ? "no" : std::to_string(rows),
                    what,
                    follower.context,
                    due ? "handled" : "not handled"
                );
            }
        };
        once(inventory_, story.deliverables.size(), "deliverable");
        once(delivery_, story.deliveries.size(), "delivery");
        once(payment_, story.payments.size(), "payment");
        once(my_page_, story.pages.size(), "My Page row");
        const auto results = std::ranges::count_if(story.facts, [&](const Fact& fact) {
            const bool result = fact.type == Type::payed || fact.type == Type::payment_failed ||
                                fact.type == Type::payment_canceled;
            return result && (at_rest_ || payment_history_.handled(fact));
        });
        if (std::ssize(story.histories) != results) {
            violate(
                "order {}: {} rows of payment history for {} events",
                story.id,
                story.histories.size(),
                results
            );
        }
    }

    /// What other contexts took over from the order.
    void check_copies(const Story& story) {
        const Order& order = story.orders[0];
        const OrderedFact& ordered = story.ordered.front();
        const std::int64_t id = order.id;
        same(ordered.book, order.book_id, "Ordered's book", id);
        same(ordered.customer, order.customer_id, "Ordered's customer", id);
        same(ordered.quantity, order.quantity, "Ordered's quantity", id);
        same(text(ordered.amount), text(order.pay_amount), "Ordered's amount", id);
        same(log_.words.text(story.facts.front().status), "ORDERED", "Ordered's status", id);
        if (ordered.texts != hash_of_texts(order.address, order.pay_type)) {
            violate("order {}: Ordered has another address or type of payment", id);
        }
        if (!story.deliverables.empty()) {
            same(story.deliverables[0].book_id, order.book_id, "the deliverable's book", id);
            same(story.deliverables[0].quantity, order.quantity, "the deliverable's quantity", id);
        }
        if (!story.deliveries.empty()) {
            same(story.deliveries[0].address, order.address, "the delivery's address", id);
        }
        if (!story.payments.empty()) {
            same(
                text(story.payments[0].amount), text(order.pay_amount), "the payment's amount", id
            );
            same(text(story.payments[0].type), text(order.pay_type), "the payment's type", id);
        }
        if (!story.pages.empty()) {
            const MyPage& page = story.pages[0];
            same(page.customer_id, order.customer_id, "My Page's customer", id);
            same(page.book_id, order.book_id, "My Page's book", id);
            same(page.quantity, order.quantity, "My Page's quantity", id);
            same(page.address, order.address, "My Page's address", id);
            same(text(page.pay_amount), text(order.pay_amount), "My Page's amount", id);
            same(page.ordered_at, ordered.time_ms, "My Page's time", id);
        }
    }

    // ---- invariant 5: no event stands before one that it reacts to

    void check_order_of_events(const Story& story) {
        const auto behind = [&](Type event, Type cause) {
            const std::int64_t at = story.position(event);
            if (at != nowhere && (story.position(cause) == nowhere || story.position(cause) > at)) {
                violate("order {}: {} stands before {}", story.id, name_of(event), name_of(cause));
            }
        };
        for (const Type event :
             {Type::delivery_prepared, Type::order_canceled, Type::payed, Type::payment_failed}) {
            behind(event, Type::ordered);
        }
        behind(Type::payment_canceled, Type::payed);
        behind(Type::payment_canceled, Type::order_canceled);
        for (const Type event :
             {Type::ordered,
              Type::order_canceled,
              Type::delivery_prepared,
              Type::payed,
              Type::payment_failed,
              Type::payment_canceled}) {
            if (story.count(event) > 1) {
                violate(
                    "order {}: {} is there {} times", story.id, name_of(event), story.count(event)
                );
            }
        }
    }

    // ---- invariant 2: VAN's ledger agrees

    void check_payment(const Story& story) {
        const Payment& payment = story.payments[0];
        const std::int64_t id = story.id;
        const bool requested = payment.status == "PAYMENT_REQUESTED";
        if (at_rest_ && (payment.under_way() || requested)) {
            violate("order {}: VAN is still to be asked, {}", id, payment.status);
            return;
        }
        if (payment.call.has_value() != payment.due || requested != (payment.call == "charge")) {
            violate(
                "order {}: its payment is {}, and VAN is to be asked for {}: nobody brings it to "
                "its end",
                id,
                payment.status,
                payment.call.value_or("nothing")
            );
        }
        if (payment.call == "refund" && story.position(Type::order_canceled) == nowhere) {
            violate("order {} is refunded, but was not canceled", id);
        }
        if (ledger_) {
            check_ledger(payment, id);
        }
    }

    void check_ledger(const Payment& payment, std::int64_t id) {
        ledger_->restart(payment.key);
        const bool known = ledger_->next();
        if (!payment.amount) {
            if (known) {
                violate("order {} has no amount, but VAN knows it", id);
            }
            return;
        }
        const bool requested = payment.status == "PAYMENT_REQUESTED";
        if (!known) {
            if (!requested) {
                violate("order {} is {}, but VAN does not know it", id, payment.status);
            }
            return;
        }
        const auto amount = ledger_->optional_integer(0);
        const std::string_view answer = ledger_->text(1);
        const bool canceled = ledger_->flag(2);
        const bool failed = payment.status == "PAYMENT_FAILED";
        const bool back = payment.status == "PAYMENT_CANCELED";
        const bool right_answer =
            requested || answer == (failed ? "PAYMENT_FAILED" : "PAYMENT_COMPLETED");
        const bool being_refunded = payment.call == "refund";  // VAN may have done it already
        if (!right_answer || (canceled != back && !being_refunded)) {
            violate(
                "order {} is {}, but VAN says {}{}",
                id,
                payment.status,
                answer,
                canceled ? ", canceled" : ""
            );
        }
        if (amount != payment.amount && (!(failed || requested) || amount)) {
            violate("order {}: VAN charged {} cents, not {}", id, text(amount), *payment.amount);
        }
    }

    // ---- what holds of an order that is settled

    void check_histories(const Story& story) {
        const Payment& payment = story.payments[0];
        std::vector<std::string> published;
        for (const Fact& fact : story.facts) {
            if (fact.type == Type::payed || fact.type == Type::payment_failed ||
                fact.type == Type::payment_canceled) {
                published.push_back(
                    fmt::format("{} of {}", log_.words.text(fact.status), fact.subject)
                );
            }
        }
        std::vector<std::string> rows;
        for (const History& history : story.histories) {
            rows.push_back(fmt::format("{} of {}", history.status, history.payment_id));
        }
        std::vector<std::string> expected;
        if (payment.status == "PAYMENT_CANCELED") {
            expected.push_back(fmt::format("PAYMENT_COMPLETED of {}", payment.id));
        }
        expected.push_back(fmt::format("{} of {}", payment.status, payment.id));
        if (rows != expected || published != expected) {
            violate(
                "order {}: payment {}, published [{}], history [{}]",
                story.id,
                payment.status,
                fmt::join(published, ", "),
                fmt::join(rows, ", ")
            );
        }
    }

    /// Invariant 4: never shipped in the end; stock and money are back.
    void check_canceled(const Story& story) {
        same(
            story.deliveries[0].status, "CancelDelivery", "the canceled order's delivery", story.id
        );
        same(story.deliverables[0].status, "DeliveryCanceled", "its deliverable", story.id);
        if (story.payments[0].status == "PAYMENT_COMPLETED") {
            violate("order {} is canceled, but its money was kept", story.id);
        }
    }

    void check_going(const Story& story) {
        const std::int64_t id = story.id;
        const std::string& status = story.orders[0].status;
        const std::string& deliverable = story.deliverables[0].status;
        const std::string& delivery = story.deliveries[0].status;
        if (story.payments[0].status == "PAYMENT_CANCELED") {
            violate("order {} is {}, but its money went back", id, status);
        }
        if (deliverable == "Stock_Lacked") {
            same(
                story.count(Type::delivery_prepared), 0, "DeliveryPrepared of a waiting order", id
            );
            same(delivery, "CreateDelivery", "the waiting order's delivery", id);
            same(status, "ORDERED", "the waiting order's status", id);
            return;
        }
        same(deliverable, "Delivery_Prepared", "the deliverable", id);
        same(story.count(Type::delivery_prepared), 1, "the number of DeliveryPrepared", id);
        if (delivery != "Shipped" && delivery != "InTransit" && delivery != "Delivered" &&
            delivery != "Returned") {
            violate("order {} is prepared, but its delivery is {}", id, delivery);
        }
        same(status, delivery, "the shipped order's status", id);
    }

    void check_page(const Story& story) {
        const MyPage& page = story.pages[0];
        const Delivery& delivery = story.deliveries[0];
        const bool told = delivery.status != "CreateDelivery";
        const auto status = told ? std::optional(delivery.status) : std::nullopt;
        const auto delivery_id = told ? std::optional(delivery.id) : std::nullopt;
        same(page.order_status, story.orders[0].status, "My Page's status", story.id);
        same(text(page.delivery_status), text(status), "My Page's delivery status", story.id);
        same(text(page.delivery_id), text(delivery_id), "My Page's delivery", story.id);
        same(text(page.pay_status), story.payments[0].status, "My Page's pay status", story.id);
    }

    /// The delivery is a function of the topic: what was prepared before it was canceled was
    /// shipped first; nothing follows CancelDelivery; no status is published twice in a row.
    void check_delivery_events(const Story& story) {
        const std::int64_t id = story.id;
        const std::int64_t prepared = story.position(Type::delivery_prepared);
        const std::int64_t canceled = story.position(Type::order_canceled);
        std::vector<std::string_view> statuses;
        for (const Fact& fact : story.facts) {
            if (fact.type != Type::delivery_status_changed) {
                continue;
            }
            statuses.push_back(log_.words.text(fact.status));
            const bool recall = statuses.back() == "CancelDelivery";
            const std::int64_t cause = recall ? canceled : prepared;
            if (cause == nowhere || cause > fact.position) {
                violate("order {}: {} stands before its cause", id, statuses.back());
            }
            same(fact.subject, story.deliveries[0].id, "DeliveryStatusChanged's delivery", id);
        }
        const bool shipped = prepared != nowhere && (canceled == nowhere || prepared < canceled);
        const auto cancel = std::ranges::find(statuses, "CancelDelivery");
        const bool well_formed = (statuses.empty() || !shipped || statuses[0] == "Shipped") &&
                                 (cancel == statuses.end() || cancel + 1 == statuses.end()) &&
                                 std::ranges::adjacent_find(statuses) == statuses.end();
        const std::string_view last = statuses.empty() ? "CreateDelivery" : statuses.back();
        if (!well_formed || (shipped && statuses.empty()) || last != story.deliveries[0].status) {
            violate(
                "order {}: delivery {} published [{}]",
                id,
                story.deliveries[0].status,
                fmt::join(statuses, ", ")
            );
        }
    }

    // ---- invariant 3

    void check_books() {
        const SqliteFile& inventory = file("inventory");
        std::unordered_set<std::int64_t> being_served;
        auto serving = inventory.rows("SELECT book_id FROM serving");
        while (serving.next()) {
            being_served.insert(serving.integer(0));
            if (at_rest_) {
                violate("book {} is still being served", serving.integer(0));
            }
        }
        auto books = inventory.rows("SELECT id, stock, received FROM book ORDER BY id");
        while (books.next()) {
            const std::int64_t id = books.integer(0);
            const std::int64_t stock = books.integer(1);
            const auto found = demands_.find(id);
            const Demand demand = found == demands_.end() ? Demand{} : found->second;
            if (stock < 0 || books.integer(2) != stock + demand.prepared) {
                violate(
                    "book {}: received {}, but stock {} and prepared {}",
                    id,
                    books.integer(2),
                    stock,
                    demand.prepared
                );
            }
            if (demand.smallest_waiting <= stock && !being_served.contains(id)) {
                violate(
                    "book {}: an order waits for {}, stock is {}",
                    id,
                    demand.smallest_waiting,
                    stock
                );
            }
        }
    }

    const Files& files_;
    const Log& log_;
    const Pending& pending_;
    const Follower& inventory_ = pending_.follower("inventory", "inventory");
    const Follower& delivery_ = pending_.follower("delivery", "delivery");
    const Follower& payment_ = pending_.follower("payment", "payment");
    const Follower& my_page_ = pending_.follower("customer", "my-page");
    const Follower& payment_history_ = pending_.follower("payment_history", "payment-history");
    const bool at_rest_;
    Findings& findings_;
    std::optional<Rows> ledger_;
    std::unordered_map<std::int64_t, Demand> demands_;
    Counts counts_;
};

}  // namespace

Counts check_orders(
    const Files& files, const Log& log, const Pending& pending, bool at_rest, Findings& findings
) {
    return Checker(files, log, pending, at_rest, findings).run();
}

}  // namespace bookstore::check
