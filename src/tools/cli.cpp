#include "tools/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

/// In the order of the help.
constexpr std::array subcommands{
    Subcommand{"serve", "Serve the bookstore over HTTP", declare_serve},
    Subcommand{"events", "Print events, a JSON line each", declare_events},
    Subcommand{"rebuild", "Rebuild a read model from the events", declare_rebuild},
    Subcommand{"trace", "Print the timeline of one order", declare_trace},
    Subcommand{"healthcheck", "Ask /isHealthy: exit status 0 or 1", declare_healthcheck},
    Subcommand{"demo", "Play customers, a book manager and a courier on a server", declare_demo},
    Subcommand{"backup", "Copy everything, as of one moment", declare_backup},
    Subcommand{
        "check",
        "Check a data directory or a backup: exit status 0, 1 (something is wrong) or 2",
        declare_check
    },
    Subcommand{"modules", "Show the contexts; stop or start one of them", declare_modules},
    Subcommand{
        "parked", "Events that a context could not handle: list, retry, skip", declare_parked
    },
    Subcommand{
        "topic", "The Kafka topic between processes: create, verify, republish", declare_topic
    },
    Subcommand{"token", "Make a token for --auth jwt with a secret", declare_token},
    Subcommand{
        "describe",
        "Print the board: each context's commands, events, policies, read models",
        declare_describe
    },
};

/// A subcommand that can be chosen.
struct Declared {
    const CLI::App* app;
    Run run;
};

/// Control characters and what is no UTF-8, which a flag or a file's name may hold, are shown and
/// not sent to a terminal.
std::string visible(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto character = utf8::decode(text);
        const bool hidden = !character || utf8::is_control(character->code) ||
                            utf8::is_bidirectional_control(character->code);
        const std::string_view bytes = text.substr(0, character ? character->bytes : 1);
        for (const char c : bytes) {
            out += hidden ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c))
                          : std::string(1, c);
        }
        text.remove_prefix(bytes.size());
    }
    return out;
}

int fail(const std::string& why) {
    std::fprintf(stderr, "bookstore: %s\n", visible(why).c_str());
    return 1;
}

int complain(const CLI::App& app, const CLI::ParseError& error) {
    const std::string why = error.what();
    const auto chosen = app.get_subcommands();
    const std::string of = chosen.empty() ? "" : chosen.front()->get_name() + " ";
    return fail(fmt::format("{} (see bookstore {}--help)", why, of));
}

}  // namespace

int run(int argc, char** argv, const ContextsOf& contexts_of) {
    const Program program{.contexts_of = contexts_of, .contexts = contexts_of({})};
    CLI::App app("An order-processing backend for an online bookshop", "bookstore");
    app.set_version_flag("--version", std::string("bookstore ") + BOOKSTORE_VERSION);
    app.require_subcommand(1);
    std::vector<Declared> declared;
    for (const Subcommand& subcommand : subcommands) {
        CLI::App* part = app.add_subcommand(subcommand.name, subcommand.summary);
        declared.push_back({part, subcommand.declare(*part, program)});
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {  // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return complain(app, error);
    }
    try {
        const auto chosen =
            std::ranges::find_if(declared, [](const Declared& each) { return each.app->parsed(); });
        return chosen->run();
    } catch (const std::exception& error) {
        return fail(error.what());
    }
}

}  // namespace bookstore::tools
