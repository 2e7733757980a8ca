#include "support/invariants.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>

#include "app/check_contexts.hpp"
#include "check/check.hpp"
#include "support/context_names.hpp"
#include "support/sqlite_reader.hpp"

namespace bookstore::test {
namespace {

std::int64_t length_of(const std::string& data_dir, const std::string& vfs) {
    Sqlite topic(data_dir + "/topic.db", Sqlite::Mode::read, vfs);
    return topic.number("SELECT coalesce(max(position), 0) FROM event");
}

}  // namespace

std::vector<std::string> violated_invariants(const std::string& data_dir, const std::string& vfs) {
    return violated_invariants(std::vector{data_dir}, vfs);
}

std::vector<std::string> violated_invariants(
    const std::vector<std::string>& data_dirs, const std::string& vfs
) {
    auto violations = check::check({.contexts = app::check_contexts(),
                                    .data_dirs = data_dirs,
                                    .vfs = vfs,
                                    .access = check::Access::shared,
                                    .at_rest = true,
                                    .integrity = false})
                          .violations;
    // Who has read less of the log has something before it.
    const std::int64_t length = length_of(data_dirs.front(), vfs);
    for (const std::string& directory : data_dirs) {
        if (const std::int64_t its = length_of(directory, vfs); its != length) {
            violations.push_back(
                fmt::format("{} has {} events, {} {}", directory, its, data_dirs.front(), length)
            );
        }
    }
    return violations;
}

namespace {

/// How much was published and is in the logs, of each file.
std::string published_in(const std::vector<std::string>& data_dirs) {
    std::string all;
    for (const std::string& directory : data_dirs) {
        for (const std::string& context : context_names) {
            const std::string path = fmt::format("{}/{}.db", directory, context);
            if (std::filesystem::exists(path)) {
                const std::int64_t newest =
                    Sqlite(path).number("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'");
                all += fmt::format("{} {} ", context, newest);
            }
        }
        all += fmt::format("{} ", length_of(directory, {}));
    }
    return all;
}

}  // namespace

bool all_hold(const std::vector<std::string>& data_dirs) {
    const std::string before = published_in(data_dirs);
    return violated_invariants(data_dirs).empty() && published_in(data_dirs) == before;
}

}  // namespace bookstore::test
