#include <fmt/format.h>

#include "simulation/world.hpp"
#include "storage/connection.hpp"
#include "support/invariants.hpp"

// The end of a run: everything settles, and the invariants are checked.

namespace bookstore::test {
namespace {

constexpr int settle_rounds = 100'000;
constexpr std::int64_t longest_wait_ms = 600'000;  // but for orders that were refused

}  // namespace

void World::step_everything() {
    for (int round = 0;; ++round) {
        const std::string busy = step_each();
        if (busy.empty()) {
            return;
        }
        if (round > settle_rounds) {
            throw Broken("it does not come to rest: " + busy);
        }
    }
}

void World::settle() {
    calm_ = true;
    note("--- settle");
    heal();
    vfs_.crash(Crash::process);  // what was stopped starts again
    crash_now();
    for (const auto& module : system_->modules()) {
        retry_parked(*module);
    }
    do {
        come_to_rest();
    } while (skip_what_follows_skips());
}

/// Until nothing is due any more, however long that takes.
void World::come_to_rest() {
    for (int round = 0; round < settle_rounds; ++round) {
        step_everything();
        std::optional<std::int64_t> due = system_->relay().due_in_ms();
        for (const auto& module : system_->modules()) {
            if (const auto wait = module->due_in()) {
                due = std::min(due.value_or(wait->count()), wait->count());
            }
        }
        if (!due) {
            return;
        }
        if (*due > longest_wait_ms && only_refused_orders_wait()) {
            return;
        }
        if (*due > longest_wait_ms) {
            throw Broken(fmt::format("something waits {} ms", *due));
        }
        clock_.advance(std::max<std::int64_t>(*due, 1));
    }
    throw Broken("it does not settle");
}

/// Without the delivery that a skipped Ordered would have made, say, no later event of that order
/// can be handled there: the operator has to give those up too. false: there were none.
bool World::skip_what_follows_skips() {
    bool any = false;
    for (const auto& module : system_->modules()) {
        const std::string parked = rows_of(
            module->name(),
            "SELECT count(*) FROM held WHERE parked = 1 AND EXISTS (SELECT * FROM skipped "
            "WHERE skipped.subscription = held.subscription AND skipped.key = held.key)"
        );
        if (parked != "0") {
            skip_parked(*module, true);
            any = true;
        }
    }
    return any;
}

/// Of what is to be asked at a later time: there is no such customer or book, once an hour.
bool World::only_refused_orders_wait() {
    return rows_of("order", "SELECT id FROM orders WHERE refused = 0 AND next_try > 0").empty() &&
           rows_of("payment", "SELECT id FROM payment WHERE next_try > 0").empty();
}

void World::check_skipped() {
    for (const auto& [role, subscription, position] : skipped_) {
        const std::string its =
            fmt::format("WHERE subscription = '{}' AND position = {}", subscription, position);
        if (rows_of(role, "SELECT count(*) FROM skipped " + its) != "1" ||
            rows_of(role, "SELECT count(*) FROM held " + its) != "0") {
            throw Broken(fmt::format("the skip of {}-{} is lost", subscription, position));
        }
    }
}

void World::check_rebuilds() {
    // A held event's row came later than the log has it: then the ids may differ.
    const std::string id = tally_.held > 0 ? "0" : "id";
    const std::string pages = fmt::format(
        "SELECT group_concat(row, char(10)) FROM (SELECT {} || '|' || order_id || '|' || "
        "customer_id "
        "|| '|' || order_status || '|' || ifnull(delivery_status, '-') || '|' || "
        "ifnull(delivery_id, 0) || '|' || ifnull(pay_amount, '-') || '|' || "
        "ifnull(pay_status, '-') || '|' || ordered_at AS row FROM my_page ORDER BY order_id)",
        id
    );
    const std::string histories = fmt::format(
        "SELECT group_concat(row, char(10)) FROM (SELECT {} || '|' || order_id || '|' || "
        "pay_status "
        "|| '|' || payment_id AS row FROM payment_history ORDER BY order_id, payment_history.id)",
        id
    );
    const std::string pages_before = rows_of("customer", pages);
    const std::string histories_before = rows_of("payment_history", histories);
    for (const char* model : {"my-page", "payment-history"}) {
        system_->owner_of_read_model(model)->rebuild(model).begin();
    }
    for (int i = 0; i < 100; ++i) {
        step_everything();
        clock_.advance(1'000);
    }
    if (rows_of("customer", pages) != pages_before) {
        throw Broken(
            fmt::format("7: My Page was\n{}\nrebuilt\n{}", pages_before, rows_of("customer", pages))
        );
    }
    if (rows_of("payment_history", histories) != histories_before) {
        throw Broken("7: payment history differs when it is rebuilt");
    }
}

void World::check() {
    promises_.check([this](const std::string& target) {
        std::string body;
        send(http::Method::get, target, {}, [&](const http::Response& found) {
            body = found.body;
        });
        return body;
    });
    check_skipped();
    if (system_->topic().first() > 1) {
        check_rebuilds();  // what the invariants compare with is gone, for a part of the orders
        return;
    }
    const auto violated = violated_invariants(directory, vfs_.name());
    if (!violated.empty()) {
        throw Broken(fmt::format("{}", fmt::join(violated, "\n")));
    }
    check_rebuilds();
    if (system_->topic().first() > 1) {
        return;
    }
    const auto again = violated_invariants(directory, vfs_.name());
    if (!again.empty()) {
        throw Broken(fmt::format("after the rebuilds: {}", fmt::join(again, "\n")));
    }
}

}  // namespace bookstore::test
