#include "check/own_checks.hpp"

#include <cstdint>

#include "base/key.hpp"
#include "check/pending.hpp"

namespace bookstore::check {

void check_announced(
    const ContextView& view, std::string_view kind, std::string_view born, std::string_view gone
) {
    const Times& registered = view.log.times_of(born);
    const Times& deleted = view.log.times_of(gone);
    const auto count = [](const Times& times, std::int64_t id) {
        const auto found = times.find(id);
        return found == times.end() ? 0 : found->second;
    };
    std::int64_t last = 0;
    auto rows = view.file.rows(fmt::format("SELECT id, deleted FROM {} ORDER BY id", kind));
    while (rows.next()) {
        const std::int64_t id = last = rows.integer(0);
        const bool on_its_way = view.pending.others_on_their_way.contains(text_of(Key{kind, id}));
        const std::int64_t births = count(registered, id);
        const std::int64_t deletions = count(deleted, id);
        const std::int64_t due = rows.integer(1);
        // Of a log that was cut, some events are gone.
        const bool all_there = !on_its_way && view.log.begin == 1;
        if (births > 1 || deletions > due || (all_there && (births != 1 || deletions != due))) {
            view.findings.add(
                "{} {}{}: {} events of its registration, {} of its deletion",
                kind,
                id,
                due == 0 ? "" : ", which is deleted",
                births,
                deletions
            );
        }
    }
    for (const auto& [id, times] : registered) {
        if (id > last) {
            view.findings.add("{} {} was registered, and does not exist", kind, id);
        }
    }
    const auto miscounted = view.file.number(fmt::format(
        "WITH found(block, count) AS "
        "(SELECT (id - 1) / 1024, count(*) FROM {0} WHERE deleted GROUP BY 1) "
        "SELECT (SELECT count(*) FROM (SELECT * FROM found EXCEPT SELECT block, count FROM "
        "{0}_deleted)) + (SELECT count(*) FROM (SELECT block, count FROM {0}_deleted WHERE "
        "count <> 0 EXCEPT SELECT * FROM found))",
        kind
    ));
    if (miscounted != 0) {
        view.findings.add("{}s: the count of the deleted ones is not that of the rows", kind);
    }
}

void check_nth_of_customer(const ContextView& view, std::string_view table) {
    auto rows = view.file.rows(fmt::format(
        "SELECT customer_id FROM {} WHERE customer_id IS NOT NULL AND nth_of_customer IS NOT NULL "
        "GROUP BY customer_id "
        "HAVING count(*) <> max(nth_of_customer) OR min(nth_of_customer) <> 1",
        table
    ));
    while (rows.next()) {
        view.findings.add("{}: those of customer {} are not counted", table, rows.integer(0));
    }
}

}  // namespace bookstore::check
