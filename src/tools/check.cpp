#include "check/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

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
    std::vector<std::string> data_dirs;
    std::string
        van_data_dir;  ///< where VAN ran apart; empty: van.db is in one of them, if anywhere

    /// VAN's too, when it has one of its own.
    std::vector<std::string> directories() const {
        std::vector<std::string> all = data_dirs;
        if (!van_data_dir.empty() && std::ranges::find(all, van_data_dir) == all.end()) {
            all.push_back(van_data_dir);
        }
        return all;
    }
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
        for (const std::string& what : report.not_compared) {
            fmt::print("{}\n", what);
        }
        if (!report.van_compared) {
            fmt::print(
                "VAN's ledger was not compared with the payments: it takes van.db, payment.db and "
                "order.db (--van-data-dir says where VAN ran)\n"
            );
        }
    }
    const std::string directories = fmt::format("{}", fmt::join(options.data_dirs, ", "));
    if (report.violation_count == 0) {
        fmt::print("{}: everything holds\n", directories);
    } else {
        fmt::print("{}: {} violations\n", directories, report.violation_count);
    }
}

void require_different(const std::vector<std::string>& directories) {
    for (std::size_t i = 0; i < directories.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            std::error_code missing;
            if (std::filesystem::equivalent(directories[j], directories[i], missing)) {
                throw std::runtime_error(fmt::format(
                    "{} and {} are one directory: name it once", directories[j], directories[i]
                ));
            }
        }
    }
}

/// SQLite would read such a WAL as if it were the file's.
void require_own_wals(const Options& options, const host::Contexts& contexts) {
    for (const std::string& directory : options.directories()) {
        for (const std::string& file : host::file_names(contexts)) {
            storage::require_own_wal(fmt::format("{}/{}", directory, file));
        }
    }
}

/// 0: nothing is wrong; 1: something; 2: it cannot be checked, and why is on standard error.
int run(const Options& options, const host::Contexts& contexts) {
    try {
        require_different(options.directories());
        std::vector<std::unique_ptr<UntouchedDirectory>> untouched;
        for (const std::string& directory : options.directories()) {
            backup::reject_incomplete_backup(directory);
            untouched.push_back(std::make_unique<UntouchedDirectory>(directory));
        }
        require_own_wals(options, contexts);
        const auto report = check::check(
            {.contexts = app::check_contexts(contexts),
             .data_dirs = options.data_dirs,
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
    app.add_option(
           "--data-dir", options->data_dirs, "Which no process may hold; again for each more"
    )
        ->required()
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--van-data-dir", options->van_data_dir, "Where VAN ran apart");
    return [options = std::move(options), &program] { return run(*options, program.contexts); };
}

}  // namespace bookstore::tools
