#include "modules/payment_history/module.hpp"

#include <boost/describe/class.hpp>

#include "kernel/collection.hpp"
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
};
BOOST_DESCRIBE_STRUCT(PaymentHistory, (), (order_id, pay_status, payment_id))

constexpr auto file = "payment_history";
const std::string select_histories =
    "SELECT id, order_id, pay_status, payment_id FROM payment_history";
const Sql select_history{file, select_histories + " WHERE id = ?1"};
const Sql select_of_order{file, select_histories + " WHERE order_id = ?1 ORDER BY id LIMIT 1000"};
const Sql insert_history{
    file, "INSERT INTO payment_history(order_id, pay_status, payment_id) VALUES (?1, ?2, ?3)"
};
const Sql insert_rebuilt{
    file,
    "INSERT INTO payment_history_rebuild(order_id, pay_status, payment_id) VALUES (?1, ?2, ?3)"
};
const kernel::TablePages pages{file, select_histories, "id", "payment_history", "id"};

PaymentHistory history_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .order_id = row.integer(1),
        .pay_status = row.string(2),
        .payment_id = row.integer(3)
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

const kernel::Items<PaymentHistory> history_items{
    .read = history_in,
    .find = find,
    .example = {.id = 1, .order_id = 1, .pay_status = "PAYMENT_COMPLETED", .payment_id = 1}
};

/// Whenever a payment came to a result: a row says so.
template <class PaymentEvent>
void append_whenever(bus::Policies& policies, bool rebuilt) {
    policies.whenever<PaymentEvent>(
        "append what became of it",
        bus::Effect::replayable,
        [rebuilt](const PaymentEvent& event, bus::UnitOfWork& work) {
            work.prepare(rebuilt ? insert_rebuilt : insert_history)
                .bind(event.order_id, event.pay_status, event.payment_id)
                .run();
        }
    );
}

void follow_payments(bus::Policies& policies, bool rebuilt) {
    append_whenever<payment::Payed>(policies, rebuilt);
    append_whenever<payment::PaymentFailed>(policies, rebuilt);
    append_whenever<payment::PaymentCanceled>(policies, rebuilt);
}

void install(kernel::Module& module) {
    kernel::Collection<PaymentHistory>(
        module,
        payment_histories,
        history_items,
        http::Role::customer | http::Role::customer_operator
    )
        .list(pages)
        .show()
        .find_all("findByOrderId", "orderId", of_order);
    module.read_model("payment-history", "payment_history", follow_payments);
}

}  // namespace

kernel::Context context() {
    return {
        .name = "payment_history",
        .holds = "the payment history, which is made from the events alone",
        .from_events_alone = true,
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); },
        .tables = {{"payment_history", "payment histories"}}
    };
}

}  // namespace bookstore::payment_history
