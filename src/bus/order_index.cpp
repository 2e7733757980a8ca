#include "bus/order_index.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "base/key.hpp"

namespace bookstore::bus {
namespace {

using storage::Sql;

constexpr std::int64_t near = 32'768;           ///< positions behind a milestone
constexpr std::int64_t milestone_every = 4096;  ///< positions

const Sql select_last{
    "topic",
    "SELECT position, newest_order FROM milestone WHERE newest_order >= 0 "
    "ORDER BY newest_order DESC, position DESC LIMIT ?1"
};
const Sql select_newest_behind{
    "topic", "SELECT key FROM event WHERE position > ?1 ORDER BY position"
};
const Sql insert_milestone{
    "topic", "INSERT INTO milestone(newest_order, position) VALUES (?1, ?2)"
};
const Sql insert_late{"topic", "INSERT INTO late(order_id, position) VALUES (?1, ?2)"};
const Sql select_before{
    "topic",
    "SELECT position FROM milestone WHERE newest_order < ?1 "
    "ORDER BY newest_order DESC, position DESC LIMIT 1"
};
const Sql select_behind{
    "topic",
    "SELECT position FROM milestone WHERE newest_order >= ?1 ORDER BY newest_order, position "
    "LIMIT 1"
};
const Sql select_near{
    "topic", "SELECT position, key FROM event WHERE position > ?1 ORDER BY position"
};
const Sql select_late{"topic", "SELECT position FROM late WHERE order_id = ?1 ORDER BY position"};

constexpr std::string_view order_kind = "order";

std::optional<std::int64_t> position(storage::Connection& db, const Sql& sql, std::int64_t order) {
    auto row = db.prepare(sql);
    row.bind(order);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

}  // namespace

OrderIndex::OrderIndex(storage::Connection& db) {
    auto row = db.prepare(select_last);
    row.bind(near / milestone_every + 2);
    while (row.step()) {
        milestones_.push_front({row.integer(0), row.integer(1)});
    }
    std::int64_t from = 0;
    if (!milestones_.empty()) {
        newest_order_ = milestones_.back().newest_order;
        from = milestones_.back().position;
    }
    auto event = db.prepare(select_newest_behind);
    event.bind(from);
    while (event.step()) {
        newest_order_ = std::max(newest_order_, id_in_key(event.text(0), order_kind).value_or(0));
    }
}

void OrderIndex::note(storage::Connection& db, std::string_view key, std::int64_t position) {
    while (milestones_.size() > 1 && milestones_[1].position <= position - near) {
        milestones_.pop_front();
    }
    if (const auto order = id_in_key(key, order_kind)) {
        const bool far = !milestones_.empty() && milestones_[0].position <= position - near &&
                         *order <= milestones_[0].newest_order;
        if (far) {
            db.prepare(insert_late).bind(*order, position).run();
        }
        newest_order_ = std::max(newest_order_, *order);
    }
    const std::int64_t last = milestones_.empty() ? 0 : milestones_.back().position;
    if (position >= last + milestone_every) {
        db.prepare(insert_milestone).bind(newest_order_, position).run();
        milestones_.push_back({position, newest_order_});
    }
}

std::vector<std::int64_t> OrderIndex::find(storage::Connection& db, std::int64_t order_id) {
    std::vector<std::int64_t> found;
    const std::int64_t from = position(db, select_before, order_id).value_or(0);
    const auto behind = position(db, select_behind, order_id);
    const std::string key = text_of(Key{order_kind, order_id});
    {
        auto row = db.prepare(select_near);
        row.bind(from);
        while (row.step() && (!behind || row.integer(0) < *behind + near + milestone_every)) {
            if (row.text(1) == key) {
                found.push_back(row.integer(0));
            }
        }
    }
    auto row = db.prepare(select_late);
    row.bind(order_id);
    while (row.step()) {
        found.push_back(row.integer(0));
    }
    std::ranges::sort(found);
    const auto twice = std::ranges::unique(found);
    found.erase(twice.begin(), twice.end());
    return found;
}

}  // namespace bookstore::bus
