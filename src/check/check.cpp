#include "check/check.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "check/mirrors.hpp"
#include "check/orders.hpp"
#include "check/places.hpp"
#include "storage/migrations.hpp"

namespace bookstore::check {
namespace {

constexpr int integrity_lines = 10;  ///< of one file

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
    Place of;
};

/// A file that no start has given one yet is of any shop, and so is that of a VAN apart. Throws
/// when a whole directory is another shop's.
void check_shop(
    const SqliteFile& file, const Place& place, std::optional<Shop>& shop, Findings& findings
) {
    auto row = file.rows("SELECT id FROM shop");
    if (place.apart || !row.next()) {
        return;
    }
    if (!shop) {
        shop = {row.string(0), place};
    } else if (row.text(0) != shop->id && place.directory != shop->of.directory) {
        throw std::runtime_error(fmt::format(
            "{} and {} are of two shops ({}.db of {}, {}.db of {}): name the directories of one "
            "(--van-data-dir names a VAN that is a system of its own)",
            shop->of.directory,
            place.directory,
            shop->of.name,
            shop->id,
            place.name,
            row.text(0)
        ));
    } else if (row.text(0) != shop->id) {
        findings.add("{}.db is another shop's file than {}.db", place.name, shop->of.name);
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

// ---- the files of a topic

/// A part, opened and read.
struct OpenPart {
    std::string directory;  ///< the topic's
    std::unique_ptr<SqliteFile> topic;
    std::map<std::string, std::unique_ptr<SqliteFile>, std::less<>> files{};
    Log log{};
    Pending pending{};
};

std::vector<OpenPart> open_parts(
    const Options& options, const std::vector<Part>& parts, Findings& findings
) {
    std::optional<Shop> shop;
    const auto open = [&](const Place& place) {
        auto file = std::make_unique<SqliteFile>(place.path, options.access, options.vfs);
        check_migrations(*file, place, findings);
        check_shop(*file, place, shop, findings);
        return file;
    };
    std::vector<OpenPart> opened;
    for (const Part& part : parts) {
        opened.push_back({.directory = part.topic.directory, .topic = open(part.topic)});
        for (const Place& place : part.contexts) {
            opened.back().files[place.name] = open(place);
        }
    }
    return opened;
}

/// What each context adds about its own file.
void check_each(const Options& options, const OpenPart& part, Findings& findings) {
    for (const ContextFile& context : options.contexts) {
        const auto file = part.files.find(context.name);
        if (file == part.files.end()) {
            continue;
        }
        for (const Table& table : context.tables) {
            check_ids(*file->second, table, findings);
        }
        if (context.check) {
            context.check(
                {context.name,
                 *file->second,
                 *part.topic,
                 part.log,
                 part.pending,
                 options.at_rest,
                 findings}
            );
        }
    }
}

void check_part(const Options& options, OpenPart& part, Findings& findings) {
    part.log = read_log(*part.topic, options.contexts, findings);
    for (const ContextFile& context : options.contexts) {
        const auto file = part.files.find(context.name);
        if (file != part.files.end() && !is_apart(options, context.name)) {
            read_bus(*file->second, context, part.log, options.at_rest, part.pending, findings);
        }
    }
    check_each(options, part, findings);
}

// ---- all of them

/// A context that published into a topic lives in one of the directories: its file was lost, or
/// another directory is to be named.
void require_publishers(const Options& options, const std::vector<OpenPart>& parts) {
    for (const OpenPart& part : parts) {
        for (const ContextFile& context : options.contexts) {
            const auto relayed = part.log.relayed.find(context.name);
            const bool published = relayed != part.log.relayed.end() && relayed->second > 0;
            const bool found = std::ranges::any_of(parts, [&](const OpenPart& other) {
                return other.files.contains(context.name);
            });
            if (published && !found) {
                throw std::runtime_error(fmt::format(
                    "{0} has no {1}.db, but its topic.db has events of {1}: restore the whole "
                    "directory from one backup, or name the one that {1} lives in too",
                    part.directory,
                    context.name
                ));
            }
        }
    }
}

/// No file is older than what another one was told of it (bus/moment.hpp).
void check_told_moments(const Options& options, const Files& files, Findings& findings) {
    for (const auto& [name, file] : files) {
        auto told = file->rows("SELECT context, number FROM moment");
        while (told.next()) {
            const auto other = files.find(told.text(0));
            if (other == files.end() || is_apart(options, other->first)) {
                continue;
            }
            const std::int64_t is = other->second->number(
                fmt::format("SELECT number FROM moment WHERE context = '{}'", other->first)
            );
            if (is < told.integer(1)) {
                findings.add(
                    "{0}.db is older than what {1}.db was told of it: at {2}, not {3}: the files "
                    "are from different moments",
                    other->first,
                    name,
                    is,
                    told.integer(1)
                );
            }
        }
    }
}

std::vector<OpenPart>::const_iterator home_of_orders(const std::vector<OpenPart>& parts) {
    return std::ranges::find_if(parts, [](const OpenPart& part) {
        return part.files.contains("order");
    });
}

/// The files that know of the orders, as far as they have the topic that order.db has; and in the
/// report, which do not.
Files files_of_orders(const Options& options, const std::vector<OpenPart>& parts, Report& report) {
    const auto home = home_of_orders(parts);
    std::vector<std::string> missing;
    Files files;
    for (const ContextFile& context : options.contexts) {
        const auto part = std::ranges::find_if(parts, [&](const OpenPart& candidate) {
            return candidate.files.contains(context.name);
        });
        if (part == parts.end()) {
            if (context.name != van) {
                missing.push_back(context.name + ".db");
            }
        } else if (home == part || (home != parts.end() && context.name == van)) {
            files[context.name] = part->files.find(context.name)->second.get();
        } else if (home != parts.end()) {
            report.not_compared.push_back(fmt::format(
                "what {}.db knows of the orders was not compared: its topic is that of {}, theirs "
                "is that of {}",
                context.name,
                part->directory,
                home->directory
            ));
        }
    }
    if (!missing.empty()) {
        report.not_compared.insert(
            report.not_compared.begin(),
            fmt::format(
                "{} {} elsewhere: nothing of {} was compared",
                listed(missing),
                missing.size() == 1 ? "is" : "are",
                missing.size() == 1 ? "it" : "them"
            )
        );
    }
    if (home == parts.end()) {
        report.not_compared.emplace_back("the orders were not compared: order.db is elsewhere");
    } else if (!knows_all_of_orders(files)) {
        report.not_compared.emplace_back(
            "what holds of a settled order was not compared: it takes every context that knows of "
            "it"
        );
    }
    return files;
}

void check_orders(
    const Options& options, const std::vector<OpenPart>& parts, Report& report, Findings& findings
) {
    const Files files = files_of_orders(options, parts, report);
    if (!files.contains("order")) {
        return;
    }
    const OpenPart& home = *home_of_orders(parts);
    const Counts counts = check_orders(files, home.log, home.pending, options.at_rest, findings);
    report.van_compared = files.contains(van) && files.contains("payment");
    report.orders = counts.orders;
    report.unverified = counts.unverified;
    report.unsettled = counts.unsettled;
    report.log_begin = home.log.begin;
    report.before_log = counts.before_log;
    report.skipped = counts.skipped;
}

void compare(
    const Options& options, std::vector<OpenPart> parts, Report& report, Findings& findings
) {
    Files files;
    for (OpenPart& part : parts) {
        check_part(options, part, findings);
        for (const auto& [name, file] : part.files) {
            files[name] = file.get();
        }
        report.events += part.log.events;
        report.unrelayed += part.pending.unrelayed;
        report.held += part.pending.held_events;
        report.parked += part.pending.parked_events;
    }
    require_publishers(options, parts);
    check_told_moments(options, files, findings);
    check_orders(options, parts, report, findings);
}

}  // namespace

Report check(const Options& options) {
    Report report;
    Findings structure;
    Findings contents;
    std::thread integrity;
    auto parts = parts_of(options);
    std::exception_ptr unreadable;
    try {
        parts = with_joined_mirrors(options, parts, contents);
    } catch (const std::runtime_error&) {
        unreadable = std::current_exception();  // its integrity says more
    }
    if (options.integrity) {
        integrity = std::thread([&] {
            for (const Part& part : parts) {
                check_integrity(part.topic, options, structure);
                for (const Place& mirror : part.mirrors) {
                    check_integrity(mirror, options, structure);
                }
                for (const Place& place : part.contexts) {
                    check_integrity(place, options, structure);
                }
            }
        });
    }
    try {
        compare(options, open_parts(options, parts, contents), report, contents);
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
