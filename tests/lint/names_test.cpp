#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "source.hpp"

// What must not stand in any file, and how migrations are named.

namespace lint {
namespace {

// Put together here, since this file is read too.
std::vector<std::string> machine_paths() {
    std::vector<std::string> paths;
    for (const std::string name : {"work", "tmp", "var/tmp", "home", "root"}) {
        paths.push_back("/" + name + "/");
    }
    return paths;
}

std::vector<std::string> foreign_tools() {
    const std::string farm = "farm";
    return {farm + "-studio", farm + "-bench"};
}

// Whether an absolute path can begin behind `text`: not in "network/tmp/" or "$build/tmp/".
bool path_may_begin(std::string_view text) {
    if (text.empty()) {
        return true;
    }
    const char last = text.back();
    return std::isalnum(static_cast<unsigned char>(last)) == 0 &&
           std::string_view("_-./}*").find(last) == std::string_view::npos;
}

bool names_machine_path(std::string_view line, std::string_view path) {
    for (auto at = line.find(path); at != std::string_view::npos; at = line.find(path, at + 1)) {
        if (path_may_begin(line.substr(0, at))) {
            return true;
        }
    }
    return false;
}

std::vector<Finding> name_findings(const std::vector<Source>& sources) {
    std::vector<Finding> findings;
    for (const auto& source : sources) {
        int number = 0;
        for (const auto line : lines_of(source.text)) {
            ++number;
            for (const auto& path : machine_paths()) {
                if (names_machine_path(line, path)) {
                    findings.push_back({source.path, number, "a path of one machine: " + path});
                }
            }
            for (const auto& tool : foreign_tools()) {
                if (line.contains(tool)) {
                    findings.push_back({source.path, number, "no part of the project: " + tool});
                }
            }
        }
    }
    return findings;
}

bool consists_of(std::string_view text, std::string_view allowed) {
    return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view digits = "0123456789";
constexpr std::string_view small_letters = "abcdefghijklmnopqrstuvwxyz_";

// migrations/<bus, topic or a module>/NNNN_<name>.sql, from 0001 without a gap.
std::vector<Finding> migration_findings(const std::vector<Source>& sources) {
    std::set<std::string, std::less<>> owners = {"bus", "topic"};
    for (const auto& source : sources) {
        const std::string_view modules = "src/modules/";
        if (!source.path.starts_with(modules)) {
            continue;
        }
        const auto rest = source.path.substr(modules.size());
        owners.insert(rest.substr(0, rest.find('/')));
    }
    std::map<std::string, int> last;
    std::vector<Finding> findings;
    for (const auto& source : sources) {
        const std::string_view root = "migrations/";
        if (!source.path.starts_with(root)) {
            continue;
        }
        const auto rest = std::string_view(source.path).substr(root.size());
        const auto slash = rest.find('/');
        const auto file =
            slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
        const auto owner = std::string(rest.substr(0, slash));
        if (file.size() < 10 || !consists_of(file.substr(0, 4), digits) || file[4] != '_' ||
            !file.ends_with(".sql") ||
            !consists_of(
                file.substr(5, file.size() - 9), std::string(digits).append(small_letters)
            )) {
            findings.push_back({source.path, 1, "not <owner>/NNNN_<name>.sql"});
        } else if (!owners.contains(owner)) {
            findings.push_back({source.path, 1, "neither a module nor bus nor topic: " + owner});
        } else if (std::stoi(std::string(file.substr(0, 4))) != ++last[owner]) {
            findings.push_back(
                {source.path,
                 1,
                 "the next number of " + owner + " is " + std::to_string(last[owner])}
            );
        }
    }
    return findings;
}

TEST_CASE("no file names a path of one machine or a tool of somebody else") {
    REQUIRE(project().size() > 10);
    CHECK_EQ(report(name_findings(project())), "");
}

TEST_CASE("migrations are named and numbered by the rule") {
    CHECK_EQ(report(migration_findings(project())), "");
}

TEST_CASE("a machine's path is found wherever it begins") {
    for (const auto& path : machine_paths()) {
        for (const std::string before : {"", "cd ", "\"", "=", "(", "`", "file:"}) {
            INFO(before, path);
            CHECK_EQ(
                report(name_findings({{"a", "x\n" + before + path + "x"}})),
                "a:2: a path of one machine: " + path + "\n"
            );
        }
        for (const std::string before : {"net", "${root}", "a/b", "..", "https://host"}) {
            INFO(before, path);
            CHECK_EQ(report(name_findings({{"a", before + path + "x"}})), "");
        }
    }
}

TEST_CASE("a foreign tool's name is found") {
    for (const auto& tool : foreign_tools()) {
        CHECK_NE(report(name_findings({{"a", "uses " + tool + "."}})), "");
    }
}

TEST_CASE("a migration with a wrong name, owner or number is found") {
    const Source order{"src/modules/order/store.cpp", ""};
    const auto said_of = [&](std::vector<std::string> paths) {
        std::vector<Source> sources;
        for (auto& path : paths) {
            sources.push_back({"migrations/" + path, ""});
        }
        sources.push_back(order);
        return report(migration_findings(sources));
    };
    CHECK_EQ(
        said_of({"bus/0001_create_bus.sql", "order/0001_create_order.sql", "order/0002_add_2.sql"}),
        ""
    );
    CHECK_NE(said_of({"order/1_create.sql"}), "");
    CHECK_NE(said_of({"order/0001-create.sql"}), "");
    CHECK_NE(said_of({"order/0001_Create.sql"}), "");
    CHECK_NE(said_of({"order/0001_.sql"}), "");
    CHECK_NE(said_of({"order/0001_create.txt"}), "");
    CHECK_NE(said_of({"order/deep/0001_create.sql"}), "");
    CHECK_NE(said_of({"0001_create.sql"}), "");
    CHECK_NE(said_of({"orders/0001_create.sql"}), "");
    CHECK_NE(said_of({"order/0002_create.sql"}), "");
    CHECK_NE(said_of({"order/0001_a.sql", "order/0001_b.sql"}), "");
    CHECK_NE(said_of({"order/0001_a.sql", "order/0003_b.sql"}), "");
}

}  // namespace
}  // namespace lint
