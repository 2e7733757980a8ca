#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "check/sqlite_file.hpp"
#include "storage/wal_stamp.hpp"
#include "tools/offline_directory.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

struct Options {
    bool from_beginning = false;
    bool follow = false;  ///< without from_beginning it follows in any case
    Place place;
};

/// Takes the stream's lines apart: prints what follows "data: ".
class DataLines {
  public:
    void print(std::string_view piece) {
        unfinished_ += piece;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = unfinished_.find('\n', begin)) != std::string::npos;) {
            const std::string_view line = std::string_view(unfinished_).substr(begin, end - begin);
            constexpr std::string_view data = "data: ";
            if (line.starts_with(data)) {
                fmt::print("{}\n", line.substr(data.size()));
            }
            begin = end + 1;
        }
        unfinished_.erase(0, begin);
        std::fflush(stdout);
    }

  private:
    std::string unfinished_;  ///< the line whose end has not come
};

check::SqliteFile read_alone(const std::string& path) {
    storage::require_own_wal(path);
    return {path, check::Access::alone};
}

void print_lines(const check::SqliteFile& file, const std::string& sql) {
    auto lines = file.rows(sql);
    while (lines.next()) {
        fmt::print("{}\n", lines.text(0));
    }
}

/// The log, and behind it what each context published and the relay did not come to: the next start
/// relays that. Nothing is changed, or made.
int print_stored(const std::string& directory, const host::Contexts& contexts) {
    require_data(directory);
    const UntouchedDirectory untouched(
        directory,
        "the data directory " + directory +
            " is held by another bookstore process: ask it, by --url in place of --data-dir"
    );
    const check::SqliteFile topic = read_alone(directory + "/topic.db");
    if (const auto first = topic.number("SELECT coalesce(min(position), 1) FROM event");
        first > 1) {
        fmt::print(stderr, "the log begins at {}: what was before it is gone\n", first);
    }
    print_lines(topic, "SELECT payload FROM event ORDER BY position");
    for (const kernel::Context& context : contexts) {
        const std::string path = fmt::format("{}/{}.db", directory, context.name);
        if (!std::filesystem::exists(path)) {
            continue;
        }
        const auto relayed = topic.number(
            fmt::format("SELECT position FROM relayed WHERE source = '{}'", context.name)
        );
        print_lines(
            read_alone(path),
            fmt::format("SELECT payload FROM outbox WHERE position > {} ORDER BY position", relayed)
        );
    }
    return 0;
}

int print_streamed(const Options& options) {
    const bool follow = options.follow || !options.from_beginning;
    DataLines lines;
    ServerClient(options.place.server)
        .stream(
            fmt::format(
                "/events?from={}&follow={}", options.from_beginning ? "beginning" : "end", follow
            ),
            [&lines](std::string_view piece) { lines.print(piece); }
        );
    return 0;
}

}  // namespace

Run declare_events(CLI::App& app, const Program& program) {
    auto options = std::make_unique<Options>();
    app.add_flag("--from-beginning", options->from_beginning, "All, not the coming ones");
    app.add_flag("--follow", options->follow, "Go on with those to come");
    add_place(app, options->place);
    return [options = std::move(options), &program] {
        return options->place.is_offline() ? print_stored(options->place.data_dir, program.contexts)
                                           : print_streamed(*options);
    };
}

}  // namespace bookstore::tools
