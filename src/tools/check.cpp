#include "check/check.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/check_contexts.hpp"
#include "backup/backup.hpp"
#include "storage/wal_stamp.hpp"
#include "tools/offline_directory.hpp"
#include "tools/options.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

constexpr int cannot_check = 2;

struct Options {
    std::string data_dir;
    std::string van_data_dir;  ///< where VAN ran apart; empty: van.db is in data_dir, if anywhere
};

void print(const Options& options, const check::Report& report) {
    for (const std::string& violation : report.violations) {
        fmt::print("{}\n", violation);
    }
    const auto shown = static_cast<std::int64_t>(report.violations.size());
    if (report.violation_count > shown) {
        fmt::print("... and {} more\n", report.violation_count - shown);
    }
    if (!report.compared) {
        fmt::print("the contents were not compared: restore a backup\n");
    } else {
        fmt::print(
            "{} orders ({} not verified, {} not settled yet), {} events ({} more not relayed), {} "
            "held, {} of them parked\n",
            report.orders,
            report.unverified,
            report.unsettled,
            report.events,
            report.unrelayed,
            report.held,
            report.parked
        );
        if (report.log_begin > 1) {
            fmt::print(
                "the log begins at {}: {} orders were not compared, since events of theirs are "
                "gone\n",
                report.log_begin,
                report.before_log
            );
        }
        if (report.skipped > 0) {
            fmt::print(
                "{} orders were not compared: an operator had an event of each skipped\n",
                report.skipped
            );
        }
        if (!report.van_compared) {
            fmt::print(
                "VAN's ledger was not compared: {} has no van.db (--van-data-dir says where VAN "
                "ran)\n",
                options.data_dir
            );
        }
    }
    if (report.violation_count == 0) {
        fmt::print("{}: everything holds\n", options.data_dir);
    } else {
        fmt::print("{}: {} violations\n", options.data_dir, report.violation_count);
    }
}

/// SQLite would read such a WAL as if it were the file's.
void require_own_wals(const Options& options, const host::Contexts& contexts) {
    for (const std::string& directory : {options.data_dir, options.van_data_dir}) {
        for (const std::string& file : host::file_names(contexts)) {
            if (!directory.empty()) {
                storage::require_own_wal(fmt::format("{}/{}", directory, file));
            }
        }
    }
}

/// 0: nothing is wrong; 1: something; 2: it cannot be checked, and why is on standard error.
int run(const Options& options, const host::Contexts& contexts) {
    try {
        backup::reject_incomplete_backup(options.data_dir);
        const UntouchedDirectory untouched(options.data_dir);
        std::optional<UntouchedDirectory> van_untouched;
        if (!options.van_data_dir.empty() && options.van_data_dir != options.data_dir) {
            van_untouched.emplace(options.van_data_dir);
        }
        require_own_wals(options, contexts);
        const auto report = check::check(
            {.contexts = app::check_contexts(contexts),
             .data_dir = options.data_dir,
             .van_data_dir = options.van_data_dir}
        );
        print(options, report);
        return report.violation_count == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "bookstore: {}\n", error.what());
        return cannot_check;
    }
}

}  // namespace

Run declare_check(CLI::App& app, const Program& program) {
    auto options = std::make_unique<Options>();
    app.add_option("--data-dir", options->data_dir, "Which no process may hold")->required();
    app.add_option("--van-data-dir", options->van_data_dir, "Where VAN ran apart");
    return [options = std::move(options), &program] { return run(*options, program.contexts); };
}

}  // namespace bookstore::tools
