#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <thread>

#include "story.hpp"
#include "support/text_file.hpp"

using namespace bookstore::test;

// docs/operations.md tells what `serve --help` tells.

namespace {

/// Flag -> its environment name and default, as the table of docs/operations.md shows them.
using Flags = std::map<std::string, std::string>;

/// What the flags' own lines of the help say; the default of --threads is that of this machine.
Flags flags_of(const std::string& help) {
    const std::regex line(
        R"(  (--[a-z-]+) (?:TEXT|U?INT)(?::(?:\{[^}]*\}|[A-Z]+(?: in \[[^\]]*\])?))?(?:=(.*?))?(?: \.\.\.)? \(Env:(\w+)\).*)"
    );
    Flags flags;
    std::istringstream in(help);
    std::smatch part;
    for (std::string text; std::getline(in, text);) {
        if (!std::regex_match(text, part, line)) {
            continue;
        }
        std::string value = part[2];
        if (value.starts_with('[')) {
            value = value.substr(1, value.size() - 2);
        }
        value = value.empty() ? "none" : fmt::format("`{}`", value);
        if (part[1] == "--threads") {
            CHECK(value == fmt::format("`{}`", std::thread::hardware_concurrency()));
            value = "the cores";
        }
        flags[part[1]] = fmt::format("`{}` | {}", std::string(part[3]), value);
    }
    return flags;
}

Flags flags_in_the_table(const std::string& page) {
    const std::regex row(R"(\| `(--[a-z-]+)` \| ([^|]* \| [^|]*) \| [^|]*\w[^|]* \|)");
    Flags flags;
    std::istringstream in(page);
    std::smatch part;
    for (std::string text; std::getline(in, text);) {
        if (std::regex_match(text, part, row)) {
            flags[part[1]] = part[2];
        }
    }
    return flags;
}

}  // namespace

TEST_CASE("docs/operations.md has every flag of serve, with its variable and default, and no other"
) {
    const std::string help = run_bookstore({"serve", "--help"}).out;
    const Flags told = flags_of(help);
    const Flags documented = flags_in_the_table(text_of_file(PROJECT_ROOT "/docs/operations.md"));
    // Each flag that the help names, however it is written there.
    const std::regex flag(R"(\n  (--[a-z-]+) )");
    for (std::sregex_iterator found(help.begin(), help.end(), flag), end; found != end; ++found) {
        const std::string name = (*found)[1];
        CAPTURE(name);
        CHECK(told.contains(name));
        REQUIRE(documented.contains(name));
        CHECK(documented.at(name) == told.at(name));
    }
    for (const auto& [name, said] : documented) {
        CAPTURE(name);
        CHECK(told.contains(name));
    }
}
