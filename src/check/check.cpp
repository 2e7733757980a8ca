#include "check/check.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <thread>

#include "check/orders.hpp"
#include "storage/migrations.hpp"

namespace bookstore::check {
namespace {

namespace fs = std::filesystem;

constexpr int integrity_lines = 10;  ///< of one file
constexpr std::string_view topic_name = "topic";
/// The only context that may run apart from the others, with a directory of its own.
constexpr std::string_view van = "van";

struct Place {
    std::string name;  ///< "topic", "customer", ...
    std::string path;
};

/// The files to be checked; van's is missing when VAN ran apart and nobody says where.
std::vector<Place> places_of(const Options& options) {
    const auto missing = [&](const std::string& path) {
        return options.vfs.empty() && !fs::exists(path);
    };
    std::vector<Place> places{{std::string(topic_name), options.data_dir + "/topic.db"}};
    if (missing(places[0].path)) {
        throw std::runtime_error(options.data_dir + " is no data directory: it has no topic.db");
    }
    for (const ContextFile& context : options.contexts) {
        const bool apart = context.name == van && !options.van_data_dir.empty();
        const std::string& directory = apart ? options.van_data_dir : options.data_dir;
        Place place{context.name, fmt::format("{}/{}.db", directory, context.name)};
        if (!missing(place.path)) {
            places.push_back(std::move(place));
        } else if (context.name != van) {
            throw std::runtime_error(fmt::format(
                "{} has no {}.db: restore the whole directory from one backup",
                options.data_dir,
                context.name
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
    if (place.name != topic_name) {
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

/// The identity of a system's files, and the first file that has it.
struct Shop {
    std::string id;
    std::string of;
};

/// A file that no start has given one yet is of any shop.
void check_shop(
    const SqliteFile& file, const Place& place, std::optional<Shop>& shop, Findings& findings
) {
    auto row = file.rows("SELECT id FROM shop");
    if (!row.next()) {
        return;
    }
    if (!shop) {
        shop = {row.string(0), place.name};
    } else if (row.text(0) != shop->id) {
        findings.add("{}.db is another shop's file than {}.db", place.name, shop->of);
    }
}

// ---- tables

void check_ids(const SqliteFile& file, const Table& table, Findings& findings) {
    auto row = file.rows(fmt::format(
        "SELECT count(*), coalesce(max(id), 0), coalesce(min(id), 1) FROM {}", table.name
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

/// What each context adds about its own file.
void check_each(
    const Options& options,
    const Files& files,
    const SqliteFile& topic,
    const Log& log,
    const Pending& pending,
    Findings& findings
) {
    for (const ContextFile& context : options.contexts) {
        const auto file = files.find(context.name);
        if (file == files.end()) {
            continue;
        }
        for (const Table& table : context.tables) {
            check_ids(*file->second, table, findings);
        }
        if (context.check) {
            context.check(
                {context.name, *file->second, topic, log, pending, options.at_rest, findings}
            );
        }
    }
}

// ---- all of them

void compare(const Options& options, Report& report, Findings& findings) {
    Files files;
    std::optional<Shop> shop;
    for (const Place& place : places_of(options)) {
        auto file = std::make_unique<SqliteFile>(place.path, options.access, options.vfs);
        check_migrations(*file, place, findings);
        if (place.name != van || options.van_data_dir.empty()) {  // apart it is a shop of its own
            check_shop(*file, place, shop, findings);
        }
        files[place.name] = std::move(file);
    }
    const auto topic = std::move(files.extract(std::string(topic_name)).mapped());
    const Log log = read_log(*topic, options.contexts, findings);
    Pending pending;
    const bool van_is_apart = !options.van_data_dir.empty();
    for (const ContextFile& context : options.contexts) {
        const auto file = files.find(context.name);
        if (file != files.end() && !(context.name == van && van_is_apart)) {
            read_bus(*file->second, context, log, options.at_rest, pending, findings);
        }
    }
    check_each(options, files, *topic, log, pending, findings);
    const Counts counts = check_orders(files, log, pending, options.at_rest, findings);
    report.van_compared = files.contains(van);
    report.events = log.events;
    report.orders = counts.orders;
    report.unverified = counts.unverified;
    report.unsettled = counts.unsettled;
    report.log_begin = log.begin;
    report.before_log = counts.before_log;
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
