#include "check/check.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>

#include "check/orders.hpp"
#include "storage/migrations.hpp"

namespace bookstore::check {
namespace {

namespace fs = std::filesystem;

constexpr int integrity_lines = 10;  ///< of one file

struct Place {
    std::string name;  ///< "topic", "customer", ...
    std::string path;
};

/// The files to be checked; van's is missing when VAN ran apart and nobody says where.
std::vector<Place> places_of(const Options& options) {
    const auto missing = [&](const std::string& path) {
        return options.vfs.empty() && !fs::exists(path);
    };
    std::vector<Place> places{{"topic", options.data_dir + "/topic.db"}};
    if (missing(places[0].path)) {
        throw std::runtime_error(options.data_dir + " is no data directory: it has no topic.db");
    }
    for (const std::string_view context : context_names) {
        const bool apart = context == "van" && !options.van_data_dir.empty();
        const std::string& directory = apart ? options.van_data_dir : options.data_dir;
        Place place{std::string(context), fmt::format("{}/{}.db", directory, context)};
        if (!missing(place.path)) {
            places.push_back(std::move(place));
        } else if (context != "van") {
            throw std::runtime_error(fmt::format(
                "{} has no {}.db: restore the whole directory from one backup",
                options.data_dir,
                context
            ));
        } else if (apart) {
            throw std::runtime_error(options.van_data_dir + " has no van.db");
        }
    }
    return places;
}

// ---- what a file is by itself

void check_integrity(const Place& place, const Options& options, Findings& findings) {
    try {
        const SqliteFile file(place.path, options.access, options.vfs);
        auto rows = file.rows(fmt::format("PRAGMA integrity_check({})", integrity_lines));
        while (rows.next()) {
            if (rows.text(0) != "ok") {
                findings.add("{}.db is damaged: {}", place.name, rows.text(0));
            }
        }
    } catch (const Damaged& damage) {
        findings.add("{}.db is damaged: {}", place.name, damage.what());
    } catch (const std::exception& error) {
        findings.add("{}.db cannot be read: {}", place.name, error.what());
    }
}

/// Throws when the file is of another version; a migration that was edited is a finding.
void check_migrations(const SqliteFile& file, const Place& place, Findings& findings) {
    std::set<std::string> sources{place.name};
    if (place.name != "topic") {
        sources.insert("bus");
    }
    std::map<std::string, std::string> known;
    for (const storage::Migration& migration : storage::embedded_migrations()) {
        if (sources.contains(std::string(migration.source))) {
            known[fmt::format("{}/{:04}", migration.source, migration.number)] = migration.sha256;
        }
    }
    auto rows = file.rows("SELECT source, number, sha256 FROM migration");
    while (rows.next()) {
        const std::string name = fmt::format("{}/{:04}", rows.text(0), rows.integer(1));
        const auto found = known.find(name);
        if (found == known.end()) {
            throw std::runtime_error(fmt::format(
                "{}.db has migration {}, which this binary does not know: use the bookstore that "
                "wrote it",
                place.name,
                name
            ));
        }
        if (found->second != rows.text(2)) {
            findings.add("{}.db: migration {} is not the one that was applied", place.name, name);
        }
        known.erase(found);
    }
    if (!known.empty()) {
        throw std::runtime_error(fmt::format(
            "{}.db was not migrated to {} yet: use the bookstore that wrote it, or start this one "
            "on the directory first",
            place.name,
            known.begin()->first
        ));
    }
}

// ---- tables

struct Table {
    Context context;
    std::string_view name;
    std::string_view shown;
};

constexpr Table tables[] = {
    {Context::customer, "customer", "customers"},
    {Context::customer, "my_page", "my pages"},
    {Context::inventory, "book", "books"},
    {Context::inventory, "stock_input", "stock inputs"},
    {Context::inventory, "deliverable", "deliverables"},
    {Context::order, "orders", "orders"},
    {Context::delivery, "delivery", "deliveries"},
    {Context::payment, "payment", "payments"},
    {Context::payment_history, "payment_history", "payment histories"},
};

const SqliteFile& file_of(const Files& files, Context context) {
    return *files[static_cast<std::size_t>(context)];
}

void check_ids(const Files& files, Findings& findings) {
    for (const Table& table : tables) {
        auto row = file_of(files, table.context)
                       .rows(fmt::format(
                           "SELECT count(*), coalesce(max(id), 0), coalesce(min(id), 1) FROM {}",
                           table.name
                       ));
        if (row.next() && (row.integer(0) != row.integer(1) || row.integer(2) != 1)) {
            findings.add(
                "{}: {} of them, with ids from {} to {}",
                table.shown,
                row.integer(0),
                row.integer(2),
                row.integer(1)
            );
        }
    }
    for (const auto& [context, name] :
         {std::pair{Context::order, "orders"}, {Context::customer, "my_page"}}) {
        auto rows = file_of(files, context)
                        .rows(fmt::format(
                            "SELECT customer_id FROM {} GROUP BY customer_id "
                            "HAVING count(*) <> max(nth_of_customer) OR min(nth_of_customer) <> 1",
                            name
                        ));
        while (rows.next()) {
            findings.add("{}: those of customer {} are not counted", name, rows.integer(0));
        }
    }
}

/// Customers or books: each was registered once, the deleted ones deleted once, and the counts by
/// block are those of the rows.
void check_registered(
    const SqliteFile& file,
    std::string_view kind,
    const std::unordered_map<std::int64_t, std::int64_t>& registered,
    const std::unordered_map<std::int64_t, std::int64_t>& deleted,
    const Pending& pending,
    Findings& findings
) {
    const auto count = [](const auto& counts, std::int64_t id) {
        const auto found = counts.find(id);
        return found == counts.end() ? 0 : found->second;
    };
    std::int64_t last = 0;
    auto rows = file.rows(fmt::format("SELECT id, deleted FROM {} ORDER BY id", kind));
    while (rows.next()) {
        const std::int64_t id = last = rows.integer(0);
        const bool on_its_way =
            pending.others_on_their_way.contains(fmt::format("{}-{}", kind, id));
        const std::int64_t born = count(registered, id);
        const std::int64_t gone = count(deleted, id);
        const std::int64_t due = rows.integer(1);
        if (born > 1 || gone > due || (!on_its_way && (born != 1 || gone != due))) {
            findings.add(
                "{} {}{}: {} events of its registration, {} of its deletion",
                kind,
                id,
                due == 0 ? "" : ", which is deleted",
                born,
                gone
            );
        }
    }
    for (const auto& [id, times] : registered) {
        if (id > last) {
            findings.add("{} {} was registered, and does not exist", kind, id);
        }
    }
    const auto miscounted = file.number(fmt::format(
        "WITH found(block, count) AS "
        "(SELECT (id - 1) / 1024, count(*) FROM {0} WHERE deleted GROUP BY 1) "
        "SELECT (SELECT count(*) FROM (SELECT * FROM found EXCEPT SELECT block, count FROM "
        "{0}_deleted)) + (SELECT count(*) FROM (SELECT block, count FROM {0}_deleted WHERE "
        "count <> 0 EXCEPT SELECT * FROM found))",
        kind
    ));
    if (miscounted != 0) {
        findings.add("{}s: the count of the deleted ones is not that of the rows", kind);
    }
}

/// Invariant 1: an order whose 201 is kept for its Idempotency-Key exists.
void check_acknowledged(const SqliteFile& order, Findings& findings) {
    const std::int64_t last = order.number("SELECT max(id) FROM orders");
    auto rows = order.rows(
        "SELECT key, headers FROM idempotency WHERE target = 'POST /orders' AND status = 201"
    );
    while (rows.next()) {
        constexpr std::string_view path = "/orders/";
        const std::string_view headers = rows.text(1);
        const auto at = headers.rfind(path);
        std::int64_t id = 0;
        if (at != std::string_view::npos) {
            const char* begin = headers.data() + at + path.size();
            std::from_chars(begin, headers.data() + headers.size(), id);
        }
        if (id > last) {
            findings.add(
                "order {} was answered 201 (key {}), and does not exist", id, rows.text(0)
            );
        }
    }
}

// ---- all of them

void compare(const Options& options, Report& report, Findings& findings) {
    Files files;
    std::unique_ptr<SqliteFile> topic;
    for (const Place& place : places_of(options)) {
        auto file = std::make_unique<SqliteFile>(place.path, options.access, options.vfs);
        check_migrations(*file, place, findings);
        const auto context = std::ranges::find(context_names, place.name);
        if (context == context_names.end()) {
            topic = std::move(file);
        } else {
            files[static_cast<std::size_t>(context - context_names.begin())] = std::move(file);
        }
    }
    const Log log = read_log(*topic, findings);
    Pending pending;
    const bool van_is_apart = !options.van_data_dir.empty();
    for (std::size_t place = 0; place < contexts; ++place) {
        const auto context = static_cast<Context>(place);
        if (files[place] && !(context == Context::van && van_is_apart)) {
            read_bus(*files[place], context, log, options.at_rest, pending, findings);
        }
    }
    check_ids(files, findings);
    check_acknowledged(file_of(files, Context::order), findings);
    check_registered(
        file_of(files, Context::customer),
        "customer",
        log.registered,
        log.deleted,
        pending,
        findings
    );
    check_registered(
        file_of(files, Context::inventory),
        "book",
        log.books_registered,
        log.books_deleted,
        pending,
        findings
    );
    const Counts counts = check_orders(files, log, pending, options.at_rest, findings);
    report.van_compared = files[static_cast<std::size_t>(Context::van)] != nullptr;
    report.events = log.events;
    report.orders = counts.orders;
    report.unverified = counts.unverified;
    report.unsettled = counts.unsettled;
    report.skipped = counts.skipped;
    report.unrelayed = pending.unrelayed;
    report.held = pending.held_events;
    report.parked = pending.parked_events;
}

}  // namespace

Report check(const Options& options) {
    Report report;
    Findings structure;
    Findings contents;
    std::thread integrity;
    const auto places = places_of(options);
    if (options.integrity) {
        integrity = std::thread([&] {
            for (const Place& place : places) {
                check_integrity(place, options, structure);
            }
        });
    }
    std::exception_ptr unreadable;
    try {
        compare(options, report, contents);
    } catch (const Damaged& damage) {
        contents.add("{}", damage.what());
        report.compared = false;
    } catch (...) {
        unreadable = std::current_exception();
    }
    if (integrity.joinable()) {
        integrity.join();
    }
    // A file that is damaged is the first thing to know, and why the rest cannot be read.
    if (unreadable && structure.count() == 0) {
        std::rethrow_exception(unreadable);
    }
    report.compared = report.compared && !unreadable;
    report.violation_count = structure.count() + contents.count();
    report.violations = structure.take();
    std::ranges::move(contents.take(), std::back_inserter(report.violations));
    return report;
}

}  // namespace bookstore::check
