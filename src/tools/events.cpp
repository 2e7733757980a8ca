#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tools/offline_directory.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

constexpr std::size_t events_a_read = 1000;

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

int print_stored(const std::string& directory, const host::Contexts& contexts) {
    OfflineContexts offline(directory, contexts);
    bus::Topic& topic = offline.system().topic();
    std::int64_t position = 0;
    if (topic.first() > 1) {
        fmt::print(stderr, "the log begins at {}: what was before it is gone\n", topic.first());
    }
    while (position < topic.end()) {
        const auto batch = topic.read(position, {}, events_a_read);
        for (const auto& event : batch.events) {
            fmt::print("{}\n", event->payload);
        }
        position = batch.scanned;
    }
    return 0;
}

int print_streamed(const Options& options) {
    const bool follow = options.follow || !options.from_beginning;
    DataLines lines;
    ServerClient(options.place.url)
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
