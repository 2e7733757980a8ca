#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "source.hpp"

// Who may include whom (docs/architecture.md). A path is a file's below src/:
// "modules/order/store.hpp".

namespace lint {
namespace {

using Layers = std::set<std::string, std::less<>>;

// Of another module its events.hpp is everybody's.
const Layers up_to_kernel{"base", "storage", "check", "http", "bus", "kernel"};
const Layers rooms{
    "base",
    "storage",
    "check",
    "http",
    "auth",
    "bus",
    "kafka",
    "kernel",
    "modules",
    "adapters",
    "host",
    "observe",
    "backup",
    "operations",
    "peers",
    "app",
    "tools"
};

Layers and_also(Layers layers, const Layers& more) {
    layers.insert(more.begin(), more.end());
    return layers;
}

const std::map<std::string, Layers, std::less<>> may_include = {
    {"base", {"base"}},
    {"storage", {"base", "storage"}},
    {"check", {"base", "storage", "check"}},
    {"http", {"base", "http"}},
    {"auth", {"base", "http", "auth"}},
    {"bus", {"base", "storage", "bus"}},
    {"kafka", {"base", "bus", "kafka"}},
    {"kernel", up_to_kernel},
    {"modules", and_also(up_to_kernel, {"modules"})},
    {"adapters", and_also(up_to_kernel, {"modules", "adapters"})},
    {"host", and_also(up_to_kernel, {"host"})},
    {"observe", and_also(up_to_kernel, {"host", "observe"})},
    {"backup", and_also(up_to_kernel, {"host", "backup"})},
    {"operations", and_also(up_to_kernel, {"host", "observe", "backup", "operations"})},
    {"peers", and_also(up_to_kernel, {"host", "observe", "operations", "peers"})},
    // Only these two know the contexts.
    {"app",
     and_also(
         up_to_kernel,
         {"auth",
          "kafka",
          "modules",
          "adapters",
          "host",
          "observe",
          "backup",
          "operations",
          "peers",
          "app"}
     )},
    {"tools", rooms},
    {"main.cpp", {"app", "tools"}},
};

std::string_view layer_of(std::string_view path) {
    return path.substr(0, path.find('/'));
}

// "modules/order" of "modules/order/store.hpp".
std::string_view module_of(std::string_view path) {
    return path.substr(0, path.rfind('/'));
}

bool is_header(std::string_view path) {
    return path.ends_with(".hpp");
}

bool is_asio_or_beast(std::string_view path) {
    return path == "boost/asio.hpp" || path.starts_with("boost/asio/") ||
           path == "boost/beast.hpp" || path.starts_with("boost/beast/");
}

bool is_json(std::string_view path) {
    return path == "boost/json.hpp" || path.starts_with("boost/json/");
}

struct Include {
    std::string from;  // below src/
    int line = 0;
    std::string what;
    bool quoted = false;
};

std::optional<Include> parse_include(std::string_view line) {
    const auto skip_blanks = [&] {
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    };
    skip_blanks();
    if (!line.starts_with('#')) {
        return {};
    }
    line.remove_prefix(1);
    skip_blanks();
    if (!line.starts_with("include")) {
        return {};
    }
    line.remove_prefix(7);
    skip_blanks();
    if (!line.starts_with('"') && !line.starts_with('<')) {
        return {};
    }
    const bool quoted = line.front() == '"';
    const auto end = line.find(quoted ? '"' : '>', 1);
    if (end == std::string_view::npos) {
        return {};
    }
    return Include{{}, 0, std::string(line.substr(1, end - 1)), quoted};
}

std::vector<Include> includes_of(const std::vector<Source>& sources) {
    std::vector<Include> includes;
    for (const auto& source : sources) {
        int number = 0;
        for (const auto line : lines_of(source.text)) {
            ++number;
            if (auto include = parse_include(line)) {
                include->from = source.path.substr(std::string_view("src/").size());
                include->line = number;
                includes.push_back(std::move(*include));
            }
        }
    }
    return includes;
}

bool is_librdkafka(std::string_view path) {
    return path.starts_with("librdkafka/");
}

// The headers of a layer that bring a library along, directly or not: its own.
std::set<std::string> headers_with(
    const std::vector<Include>& includes,
    std::string_view layer,
    bool (*is_library)(std::string_view)
) {
    std::set<std::string> found;
    for (bool grew = true; grew;) {
        grew = false;
        for (const auto& include : includes) {
            if (!is_header(include.from) || layer_of(include.from) != layer) {
                continue;
            }
            if (!is_library(include.what) && !found.contains(include.what)) {
                continue;
            }
            grew |= found.insert(include.from).second;
        }
    }
    return found;
}

bool is_openssl(std::string_view path) {
    return path.starts_with("openssl/");
}

std::optional<std::string> library_violation(const Include& include) {
    const auto from = layer_of(include.from);
    if (is_asio_or_beast(include.what) && from != "http") {
        return "Asio and Beast stay inside http";
    }
    // The check reads the files by SQLite alone, without believing the storage.
    const bool knows_sqlite = (from == "storage" || from == "check") && !is_header(include.from);
    if (include.what == "sqlite3.h" && !knows_sqlite) {
        return "sqlite3.h stays inside storage/*.cpp and check/*.cpp";
    }
    if (is_librdkafka(include.what) && from != "kafka") {
        return "librdkafka stays inside kafka";
    }
    if (is_openssl(include.what) && (is_header(include.from) || from != "auth") && from != "http") {
        return "OpenSSL stays inside auth/*.cpp and http";
    }
    if (is_json(include.what) && is_header(include.from) && include.what != "boost/json/fwd.hpp" &&
        include.from != "bus/parse.hpp" && include.from != "precompiled.hpp") {
        return "Boost.JSON in a header: boost/json/fwd.hpp will do";
    }
    return {};
}

std::optional<std::string> layer_violation(const Include& include) {
    const auto from = layer_of(include.from);
    const auto to = layer_of(include.what);
    if (!may_include.contains(to)) {
        if (include.quoted) {
            return "\"" + include.what + "\" is no path below src/";
        }
        return {};
    }
    const auto rule = may_include.find(from);
    if (rule == may_include.end()) {
        return "a layer without a rule: " + std::string(from);
    }
    if (!rule->second.contains(to)) {
        return std::string(from) + " must not include " + include.what;
    }
    if (from == "modules" && to == "modules" &&
        module_of(include.from) != module_of(include.what) &&
        !include.what.ends_with("/events.hpp")) {
        return "of another module only its events.hpp, not " + include.what;
    }
    return {};
}

std::vector<Finding> layer_findings(const std::vector<Source>& sources) {
    const auto includes = includes_of(sources);
    const auto network = headers_with(includes, "http", is_asio_or_beast);
    const auto client = headers_with(includes, "kafka", is_librdkafka);
    std::vector<Finding> findings;
    for (const auto& include : includes) {
        auto message = library_violation(include);
        if (!message) {
            message = layer_violation(include);
        }
        if (!message && network.contains(include.what) && layer_of(include.from) != "http") {
            message = include.what + " brings Asio or Beast along: http's own";
        }
        if (!message && client.contains(include.what) && layer_of(include.from) != "kafka") {
            message = include.what + " brings librdkafka along: kafka's own";
        }
        if (message) {
            findings.push_back({"src/" + include.from, include.line, *message});
        }
    }
    return findings;
}

// What is said of a file of src/ with this text, when the others are as they are.
std::string said_of(const std::string& path, const std::string& text) {
    return report(layer_findings({{"src/" + path, text}}));
}

TEST_CASE("src/ keeps to its layers") {
    const auto sources = cpp_below("src");
    REQUIRE(sources.size() > 10);
    CHECK_EQ(report(layer_findings(sources)), "");
}

TEST_CASE("a layer may include what is below it") {
    CHECK_EQ(said_of("base/clock.cpp", "#include \"base/clock.hpp\"\n#include <chrono>"), "");
    CHECK_EQ(
        said_of("storage/writer.cpp", "#include \"base/clock.hpp\"\n#include <sqlite3.h>"), ""
    );
    CHECK_EQ(said_of("http/server.cpp", "#include <boost/asio/ip/tcp.hpp>"), "");
    CHECK_EQ(said_of("bus/topic.hpp", "#include \"storage/database.hpp\""), "");
    CHECK_EQ(said_of("kafka/pipe.hpp", "#include \"bus/pipe.hpp\""), "");
    CHECK_EQ(
        said_of("kernel/module.hpp", "#include \"bus/relay.hpp\"\n#include \"http/router.hpp\""), ""
    );
    CHECK_EQ(said_of("kernel/context.hpp", "#include \"check/context_file.hpp\""), "");
    CHECK_EQ(said_of("modules/van/module.cpp", "#include \"kernel/module.hpp\""), "");
    CHECK_EQ(said_of("modules/order/check.cpp", "#include \"check/own_checks.hpp\""), "");
    CHECK_EQ(said_of("modules/van/module.cpp", "#include \"modules/van/store.hpp\""), "");
    CHECK_EQ(said_of("modules/van/policies.cpp", "#include \"modules/order/events.hpp\""), "");
    CHECK_EQ(said_of("app/wiring.cpp", "#include \"modules/order/store.hpp\""), "");
    CHECK_EQ(said_of("host/system.cpp", "#include \"kernel/context.hpp\""), "");
    CHECK_EQ(said_of("operations/parked.cpp", "#include \"host/system.hpp\""), "");
    CHECK_EQ(said_of("tools/check.cpp", "#include \"check/check.hpp\""), "");
    CHECK_EQ(said_of("main.cpp", "#include \"tools/cli.hpp\""), "");
}

TEST_CASE("an include that goes up or sideways is found, with its line") {
    CHECK_EQ(
        said_of("base/clock.cpp", "#pragma once\n\n#include \"storage/error.hpp\"\n"),
        "src/base/clock.cpp:3: base must not include storage/error.hpp\n"
    );
    for (const std::string up :
         {"http/message.hpp", "bus/topic.hpp", "kernel/hal.hpp", "app/app.hpp"}) {
        CHECK_NE(said_of("storage/writer.cpp", "#include \"" + up + "\""), "");
    }
    for (const std::string up :
         {"storage/error.hpp", "bus/topic.hpp", "kernel/hal.hpp", "modules/van/events.hpp"}) {
        CHECK_NE(said_of("http/server.cpp", "#include \"" + up + "\""), "");
    }
    for (const std::string up : {"bus/topic.hpp", "kernel/hal.hpp", "modules/van/events.hpp"}) {
        CHECK_NE(said_of("check/check.cpp", "#include \"" + up + "\""), "");
    }
    for (const std::string up :
         {"http/message.hpp", "check/check.hpp", "kernel/hal.hpp", "modules/van/events.hpp"}) {
        CHECK_NE(said_of("bus/topic.cpp", "#include \"" + up + "\""), "");
    }
    for (const std::string up : {"storage/writer.hpp", "kernel/hal.hpp", "http/message.hpp"}) {
        CHECK_NE(said_of("kafka/pipe.cpp", "#include \"" + up + "\""), "");
    }
    CHECK_NE(said_of("bus/relay.cpp", "#include \"kafka/pipe.hpp\""), "");
    CHECK_NE(said_of("host/system.cpp", "#include \"kafka/pipe.hpp\""), "");
    for (const std::string up : {"modules/van/events.hpp", "app/app.hpp"}) {
        CHECK_NE(said_of("kernel/module.cpp", "#include \"" + up + "\""), "");
    }
    CHECK_NE(said_of("modules/order/module.cpp", "#include \"app/app.hpp\""), "");
    for (const std::string up :
         {"modules/van/events.hpp", "app/contexts.hpp", "observe/logs.hpp"}) {
        CHECK_NE(said_of("host/system.cpp", "#include \"" + up + "\""), "");
    }
    CHECK_NE(said_of("observe/metrics.cpp", "#include \"operations/web_files.hpp\""), "");
    CHECK_NE(said_of("main.cpp", "#include \"host/system.hpp\""), "");
}

TEST_CASE("another module's internals are found, however the include is written") {
    for (const std::string line :
         {"#include \"modules/payment/store.hpp\"",
          "  #  include \"modules/payment/store.hpp\"  // why",
          "#include <modules/payment/store.hpp>"}) {
        CHECK_EQ(
            said_of("modules/order/store.cpp", line),
            "src/modules/order/store.cpp:1: of another module only its events.hpp, not "
            "modules/payment/store.hpp\n"
        );
    }
    // A module whose name begins like another's is another.
    CHECK_NE(
        said_of("modules/payment/store.cpp", "#include \"modules/payment_history/store.hpp\""), ""
    );
    CHECK_NE(said_of("modules/order/store.cpp", "#include \"modules/payment/my_events.hpp\""), "");
}

TEST_CASE("a path that hides its layer, and a layer without a rule, are found") {
    CHECK_NE(said_of("bus/topic.cpp", "#include \"topic.hpp\""), "");
    CHECK_NE(said_of("bus/topic.cpp", "#include \"../kernel/hal.hpp\""), "");
    CHECK_NE(said_of("misc/x.cpp", "#include \"base/clock.hpp\""), "");
    CHECK_NE(said_of("bus/topic.cpp", "#include \"misc/x.hpp\""), "");
}

TEST_CASE("a library outside its place is found") {
    for (const std::string network :
         {"boost/asio.hpp", "boost/asio/post.hpp", "boost/beast/http.hpp"}) {
        CHECK_NE(said_of("kernel/module.cpp", "#include <" + network + ">"), "");
        CHECK_NE(said_of("app/app.cpp", "#include \"" + network + "\""), "");
    }
    CHECK_NE(said_of("storage/connection.hpp", "#include <sqlite3.h>"), "");
    CHECK_NE(said_of("modules/van/store.cpp", "#include <sqlite3.h>"), "");
    CHECK_NE(said_of("kernel/fields.hpp", "#include <boost/json/value.hpp>"), "");
    CHECK_NE(said_of("kernel/fields.hpp", "#include <boost/json.hpp>"), "");
    CHECK_EQ(said_of("kernel/fields.hpp", "#include <boost/json/fwd.hpp>"), "");
    CHECK_EQ(said_of("kernel/fields.cpp", "#include <boost/json/parse.hpp>"), "");
    CHECK_EQ(said_of("bus/parse.hpp", "#include <boost/json/parse.hpp>"), "");
    CHECK_EQ(said_of("precompiled.hpp", "#include <boost/json/parse.hpp>"), "");
    CHECK_NE(said_of("app/app.cpp", "#include <librdkafka/rdkafka.h>"), "");
    CHECK_EQ(said_of("kafka/pipe.cpp", "#include <librdkafka/rdkafka.h>"), "");
    CHECK_NE(said_of("precompiled.hpp", "#include \"base/clock.hpp\""), "");
}

TEST_CASE("a header of http that brings Beast along is http's own") {
    const Source parser{"src/http/parser.hpp", "#include <boost/beast/http/basic_parser.hpp>"};
    const Source session{"src/http/session.hpp", "#include \"http/parser.hpp\""};
    const Source server{"src/http/server.cpp", "#include \"http/session.hpp\""};
    const Source module{"src/kernel/module.hpp", "\n#include \"http/session.hpp\""};
    CHECK_EQ(report(layer_findings({parser, session, server})), "");
    CHECK_EQ(
        report(layer_findings({parser, session, server, module})),
        "src/kernel/module.hpp:2: http/session.hpp brings Asio or Beast along: http's own\n"
    );
}

TEST_CASE("a header of kafka that brings librdkafka along is kafka's own") {
    const Source client{"src/kafka/client.hpp", "#include <librdkafka/rdkafka.h>"};
    const Source half{"src/kafka/consumer.hpp", "#include \"kafka/client.hpp\""};
    const Source pipe{"src/kafka/pipe.cpp", "#include \"kafka/consumer.hpp\""};
    const Source app{"src/app/app.cpp", "#include \"kafka/consumer.hpp\""};
    CHECK_EQ(report(layer_findings({client, half, pipe})), "");
    CHECK_EQ(
        report(layer_findings({client, half, pipe, app})),
        "src/app/app.cpp:1: kafka/consumer.hpp brings librdkafka along: kafka's own\n"
    );
}

}  // namespace
}  // namespace lint
