#include "progress.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "base/clock.hpp"

namespace bookstore::bench {
namespace {

using storage::Connection;
using storage::Sql;

const Sql select_newest_order{"order", "SELECT max(id) FROM orders"};
const Sql select_newest_event{"topic", "SELECT max(position) FROM event"};
const Sql select_time{
    "topic", "SELECT time FROM event WHERE position > ?1 ORDER BY position LIMIT 1"
};
const Sql select_relayed{"topic", "SELECT position FROM relayed WHERE source = ?1"};
const Sql select_cursor{"*", "SELECT min(position) FROM subscription"};
const Sql select_published{"*", "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"};
const Sql select_unrelayed_time{
    "*", "SELECT time FROM outbox WHERE position > ?1 ORDER BY position LIMIT 1"
};
const Sql select_shipped{"order", "SELECT status = 'Shipped' FROM orders WHERE id = ?1"};
const Sql select_listed{
    "customer",
    "SELECT order_status = 'Shipped' AND pay_status = 'PAYMENT_COMPLETED' FROM my_page "
    "WHERE order_id = ?1"
};
const Sql select_recorded{"payment_history", "SELECT 1 FROM payment_history WHERE order_id = ?1"};

std::int64_t number(Connection& db, const Sql& sql) {
    auto row = db.prepare(sql);
    return row.step() ? row.integer(0) : 0;
}

template <class Key>
std::int64_t number(Connection& db, const Sql& sql, const Key& key) {
    auto row = db.prepare(sql);
    row.bind(key);
    return row.step() ? row.integer(0) : 0;
}

}  // namespace

Connection opened(const std::string& data_dir, const std::string& name) {
    return {data_dir + "/" + name + ".db", Connection::Mode::read_only};
}

std::int64_t slowest_cursor_of(Connection& db) {
    return number(db, select_cursor);
}

Progress::Progress(const std::string& data_dir)
    : topic_(opened(data_dir, "topic")),
      customer_(opened(data_dir, "customer")),
      inventory_(opened(data_dir, "inventory")),
      order_(opened(data_dir, "order")),
      delivery_(opened(data_dir, "delivery")),
      payment_(opened(data_dir, "payment")),
      history_(opened(data_dir, "payment_history")) {
    constexpr int patience_ms = 5000;  // a file may just be recovered
    for (const Connection* db :
         {&topic_, &customer_, &inventory_, &order_, &delivery_, &payment_, &history_}) {
        sqlite3_busy_timeout(db->handle(), patience_ms);
    }
}

std::int64_t Progress::orders() {
    return number(order_, select_newest_order);
}

std::int64_t Progress::events() {
    return number(topic_, select_newest_event);
}

std::int64_t Progress::slowest_cursor() {
    std::int64_t slowest = slowest_cursor_of(customer_);
    for (Connection* db : {&inventory_, &order_, &delivery_, &payment_, &history_}) {
        slowest = std::min(slowest, slowest_cursor_of(*db));
    }
    return slowest;
}

std::array<std::pair<storage::Connection*, const char*>, 4> Progress::publishers() {
    return {
        {{&order_, "order"},
         {&inventory_, "inventory"},
         {&delivery_, "delivery"},
         {&payment_, "payment"}}
    };
}

std::int64_t Progress::lag_events() {
    std::int64_t unrelayed = 0;
    for (const auto& [db, source] : publishers()) {
        const std::int64_t published = number(*db, select_published);
        unrelayed += std::max<std::int64_t>(published - number(topic_, select_relayed, source), 0);
    }
    return std::max<std::int64_t>(events() - slowest_cursor(), 0) + unrelayed;
}

double Progress::lag_seconds() {
    const std::int64_t now = SystemClock().now_ms();
    std::int64_t oldest = now;
    const auto consider = [&oldest](std::int64_t time) {
        oldest = time == 0 ? oldest : std::min(oldest, time);
    };
    consider(number(topic_, select_time, slowest_cursor()));
    for (const auto& [db, source] : publishers()) {
        consider(number(*db, select_unrelayed_time, number(topic_, select_relayed, source)));
    }
    return static_cast<double>(now - oldest) / 1000;
}

bool Progress::settled(std::int64_t order) {
    return number(order_, select_shipped, order) == 1 &&
           number(customer_, select_listed, order) == 1 &&
           number(history_, select_recorded, order) == 1;
}

bool Progress::all_settled(std::int64_t from, std::int64_t to) {
    if (from == to) {
        return true;
    }
    if (!settled(to)) {
        return false;
    }
    const auto count = [from, to](Connection& db, std::string_view of, std::string_view where) {
        return db.query_integer(fmt::format(
            "SELECT count(*) FROM {0} WHERE {1} > {2} AND {1} <= {3} {4}",
            of,
            of == "orders" ? "id" : "order_id",
            from,
            to,
            where
        ));
    };
    constexpr auto listed = "AND order_status = 'Shipped' AND pay_status = 'PAYMENT_COMPLETED'";
    return count(order_, "orders", "AND status = 'Shipped'") == to - from &&
           count(customer_, "my_page", listed) == to - from &&
           count(history_, "payment_history", "") >= to - from;
}

std::int64_t Progress::settled_up_to(std::int64_t from) {
    std::int64_t low = from;           // is settled
    std::int64_t high = orders() + 1;  // is not
    while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        (settled(middle) ? low : high) = middle;
    }
    return low;
}

}  // namespace bookstore::bench
