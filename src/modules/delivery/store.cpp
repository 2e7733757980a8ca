#include "modules/delivery/store.hpp"

namespace bookstore::delivery::store {
namespace {

using storage::Sql;

constexpr auto file = "delivery";

const std::string select_deliveries = "SELECT id, order_id, address, status FROM delivery";
const Sql select_delivery{file, select_deliveries + " WHERE id = ?1"};
const Sql select_of_order{file, select_deliveries + " WHERE order_id = ?1"};
const Sql insert_delivery{
    file, "INSERT INTO delivery(order_id, address, status) VALUES (?1, ?2, ?3)"
};
const Sql update_status{file, "UPDATE delivery SET status = ?2 WHERE id = ?1"};

std::optional<Delivery> one(storage::Connection& db, const Sql& sql, std::int64_t key) {
    auto row = db.prepare(sql);
    row.bind(key);
    return row.step() ? std::optional(delivery_in(row)) : std::nullopt;
}

}  // namespace

const kernel::TablePages pages{file, select_deliveries, "id", "delivery", "id"};

Delivery delivery_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .order_id = row.integer(1),
        .delivery_address = row.string(2),
        .delivery_status = parse_word<DeliveryStatus>(row.text(3)).value()
    };
}

void insert(storage::Connection& db, const Delivery& delivery) {
    db.prepare(insert_delivery)
        .bind(delivery.order_id, delivery.delivery_address, word(delivery.delivery_status))
        .run();
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
