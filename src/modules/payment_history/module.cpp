#include "modules/payment_history/module.hpp"

#include <boost/describe/class.hpp>

#include "kernel/fields.hpp"
#include "kernel/paging.hpp"
#include "modules/payment/events.hpp"

namespace bookstore::payment_history {
namespace {

using http::Answer;
using http::Method;
using http::Request;
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
const kernel::TablePages pages{file, select_histories, "id", "payment_history"};

PaymentHistory history_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .order_id = row.integer(1),
        .pay_status = row.string(2),
        .payment_id = row.integer(3)
    };
}

void add_history(kernel::CollectionWriter& writer, storage::Statement& row) {
    const PaymentHistory history = history_in(row);
    writer.add(history.id, history);
}

/// GET /paymentHistories
Answer list_histories(const Request& request, storage::Connection& db) {
    return pages.answer(request, payment_histories, db, add_history);
}

/// GET /paymentHistories/{id}
Answer show_history(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    auto row = db.prepare(select_history);
    row.bind(*id);
    if (!row.step()) {
        return kernel::not_found(payment_histories, *id);
    }
    return kernel::item_response(request, payment_histories, *id, history_in(row));
}

/// GET /paymentHistories/search/findByOrderId?orderId=N: not paged, empty when there is none.
Answer find_by_order(const Request& request, storage::Connection& db) {
    const auto id = kernel::query_id(request, "orderId");
    if (!id) {
        return id.error();
    }
    kernel::CollectionWriter writer(request, payment_histories);
    auto rows = db.prepare(select_of_order);
    rows.bind(*id);
    while (rows.step()) {
        add_history(writer, rows);
    }
    return std::move(writer).finish_unpaged();
}

/// Whenever a payment came to a result: a row says so.
template <class PaymentEvent>
void append_on(bus::Subscription& subscription, bool rebuilt) {
    subscription.on<PaymentEvent>(
        bus::Effect::replayable,
        [rebuilt](const PaymentEvent& event, bus::UnitOfWork& work) {
            work.prepare(rebuilt ? insert_rebuilt : insert_history)
                .bind(event.order_id, event.pay_status, event.payment_id)
                .run();
        }
    );
}

void follow_payments(bus::Subscription& subscription, bool rebuilt) {
    append_on<payment::Payed>(subscription, rebuilt);
    append_on<payment::PaymentFailed>(subscription, rebuilt);
    append_on<payment::PaymentCanceled>(subscription, rebuilt);
}

}  // namespace

void install(kernel::Module& module) {
    module.query(Method::get, "/paymentHistories", list_histories);
    module.query(Method::get, "/paymentHistories/{id}", show_history);
    module.query(Method::get, "/paymentHistories/search/findByOrderId", find_by_order);
    kernel::add_search(module, payment_histories, {{"findByOrderId", "{?orderId}"}});
    module.read_model("payment-history", "payment_history", follow_payments);
}

}  // namespace bookstore::payment_history
