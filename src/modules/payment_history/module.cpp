#include "modules/payment_history/module.hpp"

#include <fmt/format.h>

#include <boost/describe/class.hpp>

#include "check/own_checks.hpp"
#include "kernel/collection.hpp"
#include "modules/order/events.hpp"
#include "modules/payment/events.hpp"

namespace bookstore::payment_history {
namespace {

using storage::Sql;

constexpr kernel::Resource payment_histories{"paymentHistories", "paymentHistory", "id", true};

struct PaymentHistory {
    std::int64_t id = 0;
    std::int64_t order_id = 0;
    std::string pay_status;
    std::int64_t payment_id = 0;
    std::int64_t customer_id = 0;  ///< whose it is, which is not shown; 0: nobody knows
};
BOOST_DESCRIBE_STRUCT(PaymentHistory, (), (order_id, pay_status, payment_id))

constexpr auto file = "payment_history";
const std::string select_histories =
    "SELECT id, order_id, pay_status, payment_id, customer_id FROM payment_history";
const Sql select_history{file, select_histories + " WHERE id = ?1"};
const Sql select_of_order{file, select_histories + " WHERE order_id = ?1 ORDER BY id LIMIT 1000"};
const Sql insert_customer{
    file, "INSERT OR IGNORE INTO customer_of_order(order_id, customer_id) VALUES (?1, ?2)"
};

const Sql select_customer{file, "SELECT customer_id FROM customer_of_order WHERE order_id = ?1"};

std::string inserting_into(std::string_view table) {
    return fmt::format(
        "INSERT INTO {0}(order_id, pay_status, payment_id, customer_id, nth_of_customer) "
        "VALUES (?1, ?2, ?3, ?4, "
        "CASE WHEN ?4 IS NULL THEN NULL ELSE "
        "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM {0} WHERE customer_id = ?4) END)",
        table
    );
}
const Sql insert_history{file, inserting_into("payment_history")};
const Sql insert_rebuilt{file, inserting_into("payment_history_rebuild")};

const kernel::TablePages pages{file, select_histories, "id", "payment_history", "id"};
const kernel::FinderPages pages_of_customer{
    file, select_histories, "customer_id", "nth_of_customer", "payment_history", "id", {}
};

PaymentHistory history_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .order_id = row.integer(1),
        .pay_status = row.string(2),
        .payment_id = row.integer(3),
        .customer_id = row.optional_integer(4).value_or(0)
    };
}

std::optional<PaymentHistory> find(storage::Connection& db, std::int64_t id) {
    auto row = db.prepare(select_history);
    row.bind(id);
    return row.step() ? std::optional(history_in(row)) : std::nullopt;
}

std::vector<PaymentHistory> of_order(storage::Connection& db, std::int64_t order_id) {
    std::vector<PaymentHistory> histories;
    auto rows = db.prepare(select_of_order);
    rows.bind(order_id);
    while (rows.step()) {
        histories.push_back(history_in(rows));
    }
    return histories;
}

/// Nothing: the order is older than the log.
std::optional<std::int64_t> customer_of(storage::Connection& db, std::int64_t order_id) {
    auto row = db.prepare(select_customer);
    row.bind(order_id);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

const kernel::Items<PaymentHistory> history_items{
    .read = history_in,
    .find = find,
    .owner = [](const PaymentHistory& history) { return history.customer_id; },
    .example = {.id = 1, .order_id = 1, .pay_status = "PAYMENT_COMPLETED", .payment_id = 1}
};

void remember_customer(storage::Connection& db, const order::Ordered& ordered) {
    db.prepare(insert_customer).bind(ordered.order_id, ordered.customer_id).run();
}

/// Of the rows that were made without it.
void learn_customers(storage::Connection& db) {
    db.execute(
        "UPDATE payment_history SET nth_of_customer = NULL, customer_id = "
        "(SELECT c.customer_id FROM customer_of_order c WHERE c.order_id = "
        "payment_history.order_id)"
    );
    db.execute(
        "UPDATE payment_history SET nth_of_customer = numbered.nth FROM "
        "(SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS nth "
        "FROM payment_history WHERE customer_id IS NOT NULL) AS numbered "
        "WHERE numbered.id = payment_history.id"
    );
}

/// Whenever a payment came to a result: a row says so.
template <class PaymentEvent>
void append_whenever(bus::Policies& policies, bool rebuilt, bool keeps_owners) {
    policies.whenever<PaymentEvent>(
        "append what became of it",
        bus::Effect::replayable,
        [rebuilt, keeps_owners](const PaymentEvent& event, bus::UnitOfWork& work) {
            const auto customer =
                keeps_owners ? customer_of(work.db(), event.order_id) : std::nullopt;
            work.prepare(rebuilt ? insert_rebuilt : insert_history)
                .bind(event.order_id, event.pay_status, event.payment_id, customer)
                .run();
        }
    );
}

void follow_payments(bus::Policies& policies, bool rebuilt, bool keeps_owners) {
    if (keeps_owners) {
        // The events of payments do not say whose they are.
        policies.whenever<order::Ordered>(
            "remember whose order it is",
            bus::Effect::replayable,
            [](const order::Ordered& ordered, bus::UnitOfWork& work) {
                remember_customer(work.db(), ordered);
            }
        );
    }
    append_whenever<payment::Payed>(policies, rebuilt, keeps_owners);
    append_whenever<payment::PaymentFailed>(policies, rebuilt, keeps_owners);
    append_whenever<payment::PaymentCanceled>(policies, rebuilt, keeps_owners);
}

void install(kernel::Module& module) {
    kernel::Collection<PaymentHistory>(
        module,
        payment_histories,
        history_items,
        http::Role::customer | http::Role::customer_operator
    )
        .list(pages, &pages_of_customer)
        .show()
        .find_all("findByOrderId", "orderId", of_order);
    module.read_model(
        "payment-history",
        "payment_history",
        [keeps_owners = module.keeps_owners()](bus::Policies& policies, bool rebuilt) {
            follow_payments(policies, rebuilt, keeps_owners);
        }
    );
    module.backfill<order::Ordered>("customers", remember_customer, learn_customers);
}

}  // namespace

kernel::Context context() {
    return {
        .name = "payment_history",
        .holds = "the payment history, which is made from the events alone",
        .from_events_alone = true,
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); },
        .tables = {{"payment_history", "payment histories"}},
        .check = [](const check::ContextView& view
                 ) { check::check_nth_of_customer(view, "payment_history"); }
    };
}

}  // namespace bookstore::payment_history
