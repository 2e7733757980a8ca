#include "tools/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/boards.hpp"
#include "app/serve.hpp"
#include "tools/backup_tools.hpp"
#include "tools/demo.hpp"
#include "tools/describe.hpp"
#include "tools/operator_tools.hpp"
#include "tools/tools.hpp"
#include "tools/trace_tool.hpp"

namespace bookstore::tools {
namespace {

constexpr auto default_url = "http://127.0.0.1:8080";

/// --drain-timeout -> BOOKSTORE_DRAIN_TIMEOUT
std::string environment_name(std::string flag) {
    flag.erase(0, 2);
    std::ranges::transform(flag, flag.begin(), [](char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return "BOOKSTORE_" + flag;
}

template <class T>
CLI::Option* add(CLI::App& app, const std::string& flag, T& value, const std::string& help) {
    return app.add_option(flag, value, help)
        ->envname(environment_name(flag))
        ->capture_default_str();
}

constexpr int most_bytes = 1 << 30;
constexpr int most_ms = 86'400'000;  ///< a day

/// "HOST:PORT"; an IPv6 host in brackets.
void read_listen(const std::string& text, http::ServerOptions& server) {
    const auto colon = text.rfind(':');
    unsigned port = 0;
    if (colon == std::string::npos || colon == 0) {
        throw std::runtime_error("--listen wants HOST:PORT, for example 127.0.0.1:8080");
    }
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc() || rest != end || port > 65535) {
        throw std::runtime_error("--listen: " + text + " has no port from 0 to 65535");
    }
    server.host = text.substr(0, colon);
    if (server.host.starts_with('[') && server.host.ends_with(']')) {
        server.host = server.host.substr(1, server.host.size() - 2);
    }
    server.port = static_cast<std::uint16_t>(port);
}

/// What the flags are read into before they become options.
struct Flags {
    std::string listen = "127.0.0.1:8080";
    std::string trusted_proxies;
    std::string cors_origins = "*";
    std::string log_format = "text";
    std::int64_t drain_delay_ms = 0;
    std::int64_t drain_timeout_ms = 10'000;
    std::int64_t idle_ms = 60'000;
    std::int64_t header_ms = 10'000;
    std::int64_t body_ms = 30'000;
    std::int64_t write_ms = 30'000;
    std::int64_t heartbeat_ms = 15'000;
    std::int64_t stall_ms = 10'000;
    std::int64_t exit_when_unhealthy_s = 0;
    std::string customer_url;
    std::string inventory_url;
    std::string van_url;
    std::size_t port_calls = 64;
    app::ServeOptions serve;
    app::ContextOptions contexts;
    ContextsOf contexts_of;
    host::Contexts table;  ///< as it is without any flag
    EventsOptions events;
    RebuildOptions rebuild;
    TraceOptions trace;
    HealthcheckOptions healthcheck;
    DemoOptions demo;
    BackupOptions backup;
    CheckOptions check;
    ModulesOptions modules;
    ParkedOptions parked;
    DescribeOptions describe;
};

void add_cors_flag(CLI::App& app, Flags& flags) {
    const std::string flag = "--cors-origin";
    // CLI11 takes an empty variable for none at all; here it says something.
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet
    const char* text = std::getenv(environment_name(flag).c_str());
    if (text != nullptr && *text == '\0') {
        flags.cors_origins.clear();
    }
    add(app,
        flag,
        flags.cors_origins,
        "Origins, by comma, whose pages may use the server; *: any; empty: its own alone");
}

void add_server_flags(CLI::App& app, Flags& flags) {
    http::ServerOptions& server = flags.serve.server;
    add(app, "--listen", flags.listen, "HOST:PORT; port 0: the system chooses one");
    add(app,
        "--trusted-proxy",
        flags.trusted_proxies,
        "Addresses and networks, by comma, whose Forwarded and X-Forwarded-* links are built from");
    add_cors_flag(app, flags);
    add(app, "--threads", server.threads, "I/O threads")->check(CLI::Range(1, 64));
    add(app, "--max-connections", server.max_connections, "Connections at a time")
        ->check(CLI::Range(1, 1'000'000));
    add(app, "--max-body-bytes", server.max_body_bytes, "Of a request; more is 413")
        ->check(CLI::Range(1, most_bytes));
    add(app, "--max-header-bytes", server.max_header_bytes, "Of a request; more is 431")
        ->check(CLI::Range(1, most_bytes));
    add(app, "--max-target-bytes", server.max_target_bytes, "Of a request; more is 414")
        ->check(CLI::Range(1, most_bytes));
    add(app, "--max-json-depth", server.max_json_depth, "Of a body's nesting; more is 400")
        ->check(CLI::Range(1, 1000));
    add(app, "--idle-timeout", flags.idle_ms, "ms between requests of a connection")
        ->check(CLI::Range(1, most_ms));
    add(app, "--header-timeout", flags.header_ms, "ms for a request's header; then 408")
        ->check(CLI::Range(1, most_ms));
    add(app, "--body-timeout", flags.body_ms, "ms for a request's body; then 408")
        ->check(CLI::Range(1, most_ms));
    add(app, "--write-timeout", flags.write_ms, "ms for a client to take an answer")
        ->check(CLI::Range(1, most_ms));
    add(app, "--heartbeat", flags.heartbeat_ms, "ms between comments on a quiet event stream")
        ->check(CLI::Range(1, most_ms));
    add(app, "--drain-delay", flags.drain_delay_ms, "ms not ready before accepting ends")
        ->check(CLI::Range(0, most_ms));
    add(app, "--drain-timeout", flags.drain_timeout_ms, "ms for what is in flight at the end")
        ->check(CLI::Range(0, most_ms));
    add(app, "--stall-timeout", flags.stall_ms, "ms in one step, then a context counts as hanging")
        ->check(CLI::Range(1, most_ms));
    add(app,
        "--exit-when-unhealthy",
        flags.exit_when_unhealthy_s,
        "s unhealthy, then it ends with status 1; 0: never")
        ->check(CLI::Range(0, most_ms / 1000));
}

void add_port_flags(CLI::App& app, Flags& flags) {
    add(app,
        "--customer-url",
        flags.customer_url,
        "http://HOST:PORT that order asks for customers; empty: this process");
    add(app,
        "--inventory-url",
        flags.inventory_url,
        "http://HOST:PORT that order asks for books; empty: this process");
    add(app,
        "--van-url",
        flags.van_url,
        "http://HOST:PORT of the VAN that payment charges at; empty: this process");
    add(app,
        "--ask-timeout",
        flags.contexts.order_ports.http.timeout_ms,
        "ms for customer or inventory to answer order")
        ->check(CLI::Range(1, most_ms));
    add(app,
        "--payment-timeout",
        flags.contexts.payment.van_timeout_ms,
        "ms for VAN to answer payment")
        ->check(CLI::Range(1, most_ms));
    add(app, "--port-calls", flags.port_calls, "Calls to another context under way, of each port")
        ->check(CLI::Range(1, 10'000));
}

void add_system_flags(CLI::App& app, Flags& flags) {
    host::SystemOptions& system = flags.serve.system;
    system.data_dir = "./data";
    std::vector<std::string> names;
    for (const kernel::Context& context : flags.table) {
        names.push_back(context.name);
    }
    system.modules = names;
    add(app, "--data-dir", system.data_dir, "Where the SQLite files are");
    add(app, "--modules", system.modules, "Contexts that this process hosts, by comma")
        ->delimiter(',')
        ->check(CLI::IsMember(names));
    add(app, "--stopped", system.stopped, "Contexts that rest from the start, by comma")
        ->delimiter(',')
        ->check(CLI::IsMember(names));
    add(app, "--idempotency-ttl", system.idempotency_kept_ms, "ms to keep a key's first answer")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{366} * most_ms));
    add(app, "--read-timeout", system.read_limit_ms, "ms for a query's statement; then 503")
        ->check(CLI::Range(1, most_ms));
    add(app, "--retry-attempts", system.retry.attempts, "For an event, then it is parked")
        ->check(CLI::PositiveNumber);
    add_port_flags(app, flags);
    add(app,
        "--van-hang",
        flags.contexts.van.hang_ms,
        "ms that the network behind VAN takes over amount 0")
        ->check(CLI::Range(0, most_ms));
    BreakerOptions& breaker = flags.contexts.van.breaker;
    add(app, "--breaker-timeout", breaker.timeout_ms, "ms, then a call of VAN's network failed")
        ->check(CLI::Range(1, most_ms));
    add(app, "--breaker-sleep-window", breaker.sleep_window_ms, "ms open before a trial")
        ->check(CLI::Range(0, most_ms));
    add(app, "--breaker-request-volume", breaker.request_volume, "Calls in the window to open")
        ->check(CLI::Range(1, 1'000'000));
    add(app, "--breaker-error-percent", breaker.error_percent, "Of them failed, to open")
        ->check(CLI::Range(1, 100));
    add(app, "--breaker-window", breaker.window_ms, "ms, rolling, in 10 buckets")
        ->check(CLI::Range(10, 3'600'000));
    add(app, "--log-format", flags.log_format, "text, or json: an object a line")
        ->check(CLI::IsMember({"text", "json"}));
    add(app, "--log-level", flags.serve.log_level, "trace, debug, info, warning, error, off")
        ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
}

/// What a flag was read as, or its complaint.
template <class T>
T taken(const std::string& flag, std::expected<T, std::string> read) {
    if (!read) {
        throw std::runtime_error(flag + ": " + read.error());
    }
    return std::move(*read);
}

std::optional<http::Url> origin_of(const std::string& flag, const std::string& url) {
    if (url.empty()) {
        return std::nullopt;
    }
    try {
        return http::parse_origin(url);
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error(flag + ": " + error.what());
    }
}

void read_ports(const Flags& flags, app::ContextOptions& contexts) {
    contexts.order_ports.customer = origin_of("--customer-url", flags.customer_url);
    contexts.order_ports.inventory = origin_of("--inventory-url", flags.inventory_url);
    contexts.van_port.van = origin_of("--van-url", flags.van_url);
    contexts.order_ports.http.calls = flags.port_calls;
    contexts.order_ports.http.breaker = contexts.van.breaker;
    contexts.van_port.http = {
        .timeout_ms = contexts.payment.van_timeout_ms,
        .calls = flags.port_calls,
        .breaker = contexts.van.breaker
    };
    if (contexts.van_port.van) {
        contexts.payment.van_calls = flags.port_calls;
    }
}

int run_serve(Flags& flags) {
    using std::chrono::milliseconds;
    app::ServeOptions& options = flags.serve;
    read_listen(flags.listen, options.server);
    options.server.trusted_proxies =
        taken("--trusted-proxy", http::parse_networks(flags.trusted_proxies));
    options.cors = taken("--cors-origin", http::Cors::parse(flags.cors_origins));
    options.server.idle_timeout = milliseconds(flags.idle_ms);
    options.server.header_timeout = milliseconds(flags.header_ms);
    options.server.body_timeout = milliseconds(flags.body_ms);
    options.server.write_timeout = milliseconds(flags.write_ms);
    options.server.heartbeat = milliseconds(flags.heartbeat_ms);
    options.drain_delay = milliseconds(flags.drain_delay_ms);
    options.drain_timeout = milliseconds(flags.drain_timeout_ms);
    options.stall_timeout = milliseconds(flags.stall_ms);
    if (flags.exit_when_unhealthy_s > 0) {
        options.exit_when_unhealthy = std::chrono::seconds(flags.exit_when_unhealthy_s);
    }
    options.log_format =
        flags.log_format == "json" ? observe::LogFormat::json : observe::LogFormat::text;
    for (const std::string& name : options.system.stopped) {
        if (std::ranges::find(options.system.modules, name) == options.system.modules.end()) {
            throw std::runtime_error("--stopped names " + name + ", which --modules does not host");
        }
    }
    if (flags.contexts.payment.van_timeout_ms <= flags.contexts.van.breaker.timeout_ms) {
        throw std::runtime_error(
            "--payment-timeout must exceed --breaker-timeout, or every slow charge counts as "
            "unanswered"
        );
    }
    read_ports(flags, flags.contexts);
    options.contexts = flags.contexts_of(flags.contexts);
    return serve(options);
}

CLI::App* add_serve(CLI::App& app, Flags& flags) {
    CLI::App* serve = app.add_subcommand("serve", "Serve the bookstore over HTTP");
    flags.serve.server.threads = std::max(1U, std::thread::hardware_concurrency());
    add_server_flags(*serve, flags);
    add_system_flags(*serve, flags);
    return serve;
}

void add_where(CLI::App& app, std::string& url, std::string& data_dir) {
    url = default_url;
    CLI::Option* at = add(app, "--url", url, "Of the running server");
    CLI::Option* in = app.add_option(
        "--data-dir", data_dir, "Work on this directory, which no process may hold, instead"
    );
    at->excludes(in);
}

CLI::App* add_events(CLI::App& app, Flags& flags) {
    CLI::App* events = app.add_subcommand("events", "Print events, a JSON line each");
    events->add_flag("--from-beginning", flags.events.from_beginning, "All, not the coming ones");
    events->add_flag("--follow", flags.events.follow, "Go on with those to come");
    add_where(*events, flags.events.url, flags.events.data_dir);
    return events;
}

CLI::App* add_rebuild(CLI::App& app, Flags& flags) {
    std::vector<std::string> names;
    for (const kernel::Board& board : app::boards(flags.table)) {
        for (const kernel::ReadModelDescription& model : board.read_models) {
            names.push_back(model.name);
        }
    }
    CLI::App* rebuild = app.add_subcommand("rebuild", "Rebuild a read model from the events");
    rebuild
        ->add_option(
            "read-model", flags.rebuild.read_model, fmt::format("{}", fmt::join(names, " or "))
        )
        ->required()
        ->check(CLI::IsMember(names));
    add_where(*rebuild, flags.rebuild.url, flags.rebuild.data_dir);
    return rebuild;
}

CLI::App* add_trace(CLI::App& app, Flags& flags) {
    CLI::App* trace = app.add_subcommand("trace", "Print the timeline of one order");
    trace->add_option("order-id", flags.trace.order_id, "Its number")
        ->required()
        ->check(CLI::PositiveNumber);
    add_where(*trace, flags.trace.url, flags.trace.data_dir);
    return trace;
}

void add_url(CLI::App& app, std::string& url) {
    url = default_url;
    add(app, "--url", url, "Of the running server");
}

CLI::App* add_healthcheck(CLI::App& app, Flags& flags) {
    CLI::App* check = app.add_subcommand("healthcheck", "Ask /isHealthy: exit status 0 or 1");
    add_url(*check, flags.healthcheck.url);
    add(*check, "--timeout", flags.healthcheck.timeout_ms, "ms to wait for the answer")
        ->check(CLI::Range(1, most_ms));
    return check;
}

CLI::App* add_demo(CLI::App& app, Flags& flags) {
    CLI::App* demo =
        app.add_subcommand("demo", "Play customers, a book manager and a courier on a server");
    add_url(*demo, flags.demo.url);
    add(*demo, "--rate", flags.demo.rate, "Actions a second")->check(CLI::Range(0.01, 1000.0));
    add(*demo, "--actions", flags.demo.actions, "Ends after so many; 0: goes on")
        ->check(CLI::NonNegativeNumber);
    return demo;
}

CLI::App* add_backup(CLI::App& app, Flags& flags) {
    CLI::App* backup = app.add_subcommand("backup", "Copy everything, as of one moment");
    backup->add_option("directory", flags.backup.directory, "To make; or an empty one")->required();
    add_where(*backup, flags.backup.url, flags.backup.data_dir);
    return backup;
}

CLI::App* add_check(CLI::App& app, Flags& flags) {
    CLI::App* check = app.add_subcommand(
        "check", "Check a data directory or a backup: exit status 0, 1 (something is wrong) or 2"
    );
    check->add_option("--data-dir", flags.check.data_dir, "Which no process may hold")->required();
    check->add_option("--van-data-dir", flags.check.van_data_dir, "Where VAN ran apart");
    return check;
}

CLI::App* add_modules(CLI::App& app, Flags& flags) {
    ModulesOptions& options = flags.modules;
    CLI::App* modules =
        app.add_subcommand("modules", "Show the contexts; stop or start one of them");
    modules->add_option("action", options.action, "stop or start")
        ->check(CLI::IsMember({"stop", "start"}));
    modules->add_option("name", options.name, "Of the context");
    add_url(*modules, options.url);
    modules->callback([&options] {
        if (!options.action.empty() && options.name.empty()) {
            throw CLI::ValidationError("modules " + options.action + " wants a context's name");
        }
    });
    return modules;
}

CLI::App* add_parked(CLI::App& app, Flags& flags) {
    ParkedOptions& options = flags.parked;
    CLI::App* parked =
        app.add_subcommand("parked", "Events that a context could not handle: list, retry, skip");
    parked->add_option("action", options.action, "list, retry or skip")
        ->required()
        ->check(CLI::IsMember({"list", "retry", "skip"}));
    parked->add_option("id", options.id, "Of one event, as list prints it: order-12");
    parked->add_option("--module", options.module, "All that this context has parked; list: holds");
    parked->add_flag("--parked-only", options.parked_only, "list: without those tried again");
    parked->add_option("--reason", options.reason, "skip: why; it is recorded");
    add_url(*parked, options.url);
    return parked;
}

CLI::App* add_describe(CLI::App& app, Flags& flags) {
    CLI::App* describe = app.add_subcommand(
        "describe", "Print the board: each context's commands, events, policies, read models"
    );
    describe->add_option("--format", flags.describe.format, "text, mermaid (a flowchart) or json")
        ->capture_default_str()
        ->check(CLI::IsMember({"text", "mermaid", "json"}));
    return describe;
}

int fail(const std::string& why) {
    std::fprintf(stderr, "bookstore: %s\n", why.c_str());
    return 1;
}

/// A subcommand, and what it does once its flags are read.
struct Subcommand {
    const CLI::App* app;
    std::function<int()> run;
};

std::vector<Subcommand> add_subcommands(CLI::App& app, Flags& flags) {
    const host::Contexts& table = flags.table;
    return {
        {add_serve(app, flags), [&flags] { return run_serve(flags); }},
        {add_events(app, flags), [&] { return print_events(flags.events, table); }},
        {add_rebuild(app, flags), [&] { return rebuild(flags.rebuild, table); }},
        {add_trace(app, flags), [&] { return print_trace(flags.trace, table); }},
        {add_healthcheck(app, flags), [&flags] { return healthcheck(flags.healthcheck); }},
        {add_demo(app, flags), [&flags] { return demo(flags.demo); }},
        {add_backup(app, flags), [&] { return back_up(flags.backup, table); }},
        {add_check(app, flags), [&] { return check_directory(flags.check, table); }},
        {add_modules(app, flags), [&flags] { return modules(flags.modules); }},
        {add_parked(app, flags), [&flags] { return parked(flags.parked); }},
        {add_describe(app, flags), [&] { return describe(table, flags.describe); }},
    };
}

int complain(const CLI::App& app, const CLI::ParseError& error) {
    std::string why = error.what();
    std::ranges::replace(why, '\n', ' ');
    const auto chosen = app.get_subcommands();
    const std::string of = chosen.empty() ? "" : chosen.front()->get_name() + " ";
    return fail(fmt::format("{} (see bookstore {}--help)", why, of));
}

}  // namespace

int run(int argc, char** argv, const ContextsOf& contexts_of) {
    Flags flags;
    flags.contexts_of = contexts_of;
    flags.table = contexts_of({});
    CLI::App app("An order-processing backend for an online bookshop", "bookstore");
    app.set_version_flag("--version", std::string("bookstore ") + BOOKSTORE_VERSION);
    app.require_subcommand(1);
    const auto subcommands = add_subcommands(app, flags);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {  // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return complain(app, error);
    }
    try {
        const auto chosen = std::ranges::find_if(subcommands, [](const Subcommand& subcommand) {
            return subcommand.app->parsed();
        });
        return chosen->run();
    } catch (const std::exception& error) {
        return fail(error.what());
    }
}

}  // namespace bookstore::tools
