#include "modules/delivery/store.hpp"

namespace bookstore::delivery::store {
namespace {

using storage::Sql;

constexpr auto file = "delivery";

const std::string select_deliveries =
    "SELECT id, order_id, address, status, customer_id FROM delivery";
const Sql select_delivery{file, select_deliveries + " WHERE id = ?1"};
const Sql select_of_order{file, select_deliveries + " WHERE order_id = ?1"};
const Sql insert_delivery{
    file, "INSERT INTO delivery(order_id, address, status, customer_id) VALUES (?1, ?2, ?3, ?4)"
};
const Sql insert_numbered{
    file,
    "INSERT INTO delivery(order_id, address, status, customer_id, nth_of_customer) "
    "VALUES (?1, ?2, ?3, ?4, "
    "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM delivery "
    "WHERE customer_id = ?4 AND nth_of_customer > 0))"
};
const Sql update_customer{
    file, "UPDATE delivery SET customer_id = ?2 WHERE order_id = ?1 AND customer_id IS NULL"
};
const Sql update_status{file, "UPDATE delivery SET status = ?2 WHERE id = ?1"};

std::optional<Delivery> one(storage::Connection& db, const Sql& sql, std::int64_t key) {
    auto row = db.prepare(sql);
    row.bind(key);
    return row.step() ? std::optional(delivery_in(row)) : std::nullopt;
}

}  // namespace

const kernel::TablePages pages{file, select_deliveries, "id", "delivery", "id"};
const kernel::FinderPages pages_of_customer{
    file, select_deliveries, "customer_id", "nth_of_customer", "delivery", "id", {}
};

Delivery delivery_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .order_id = row.integer(1),
        .delivery_address = row.string(2),
        .delivery_status = parse_word<DeliveryStatus>(row.text(3)).value(),
        .customer_id = row.optional_integer(4).value_or(0)
    };
}

void insert(storage::Connection& db, const Delivery& delivery, bool numbered) {
    db.prepare(numbered ? insert_numbered : insert_delivery)
        .bind(
            delivery.order_id,
            delivery.delivery_address,
            word(delivery.delivery_status),
            delivery.customer_id
        )
        .run();
}

void learn_customer(storage::Connection& db, std::int64_t order_id, std::int64_t customer_id) {
    db.prepare(update_customer).bind(order_id, customer_id).run();
}

void number_by_customer(storage::Connection& db) {
    db.execute("UPDATE delivery SET nth_of_customer = NULL WHERE nth_of_customer IS NOT NULL");
    db.execute(
        "UPDATE delivery SET nth_of_customer = numbered.nth FROM "
        "(SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS nth "
        "FROM delivery WHERE customer_id IS NOT NULL) AS numbered WHERE numbered.id = delivery.id"
    );
}

void set_status(storage::Connection& db, std::int64_t id, DeliveryStatus status) {
    db.prepare(update_status).bind(id, word(status)).run();
}

std::optional<Delivery> find(storage::Connection& db, std::int64_t id) {
    return one(db, select_delivery, id);
}

std::optional<Delivery> find_of_order(storage::Connection& db, std::int64_t order_id) {
    return one(db, select_of_order, order_id);
}

}  // namespace bookstore::delivery::store
