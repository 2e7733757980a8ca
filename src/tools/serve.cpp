#include "app/serve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "app/boards.hpp"
#include "http/token_file.hpp"
#include "tools/auth_flags.hpp"
#include "tools/flag_values.hpp"
#include "tools/kafka_flags.hpp"
#include "tools/options.hpp"
#include "tools/subcommand.hpp"
#include "tools/tls_flags.hpp"

namespace bookstore::tools {
namespace {

constexpr int most_bytes = 1 << 30;

/// The hosts of the original: its services, as commands and drills name them. Where /etc/hosts maps
/// them to this machine, and in deploy/split, they are the bookstore's. (No page has one of them: a
/// name without a dot is nobody's in the DNS.)
constexpr std::string_view original_names[] = {
    "gateway",
    "customer",
    "book",
    "order",
    "delivery",
    "payment",
    "paymenthistory",
    "van",
    "vanledger",
};

/// What the flags are read into before they become options.
struct Flags {
    std::string listen = "127.0.0.1:8080";
    std::string operator_listen;
    TlsFlags tls;
    std::string rate_limit;
    std::uint32_t rate_burst = 0;
    std::string trusted_proxies;
    std::string proxy_headers = "x-forwarded";
    std::string allowed_hosts;
    std::string cors_origins = "*";
    AuthFlags auth;
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
    std::string topic_retention;
    std::string topic_retention_size;
    std::string customer_url;
    std::string inventory_url;
    std::string van_url;
    std::vector<std::string> peers;
    std::string port_token_file;
    KafkaFlags kafka;
    std::int64_t kafka_unhealthy_s = 0;
    http::ClientTlsFiles client_tls;
    std::int64_t peer_ms = 1'000;
    std::size_t port_calls = 64;
    app::ServeOptions serve;
    app::ContextOptions contexts;
};

void add_cors_flag(CLI::App& app, Flags& flags) {
    const std::string flag = "--cors-origin";
    // CLI11 takes an empty variable for none at all; here it says something.
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet
    const char* text = std::getenv(environment_name(flag).c_str());
    if (text != nullptr && *text == '\0') {
        flags.cors_origins.clear();
    }
    add_setting(
        app,
        flag,
        flags.cors_origins,
        "Origins, by comma, whose pages may use the server; *: any; empty: its own alone"
    );
}

void add_server_flags(CLI::App& app, Flags& flags) {
    http::ServerOptions& server = flags.serve.server;
    add_setting(
        app, "--listen", flags.listen, "HOST:PORT; port 0: the system chooses one; or unix:PATH"
    );
    add_setting(
        app,
        "--operator-listen",
        flags.operator_listen,
        "The same, for operators: what is theirs is there alone; empty: there is one listener"
    );
    add_tls_flags(app, flags.tls);
    add_setting(
        app,
        "--trusted-proxy",
        flags.trusted_proxies,
        "Addresses and networks, by comma, whose word on what the client asked for is believed; "
        "unix: whoever connects to a unix socket"
    );
    add_setting(
        app,
        "--proxy-headers",
        flags.proxy_headers,
        "In which headers: forwarded, or x-forwarded (X-Forwarded-*); the others say nothing"
    )
        ->check(CLI::IsMember({"forwarded", "x-forwarded"}));
    add_setting(
        app,
        "--allowed-hosts",
        flags.allowed_hosts,
        "Names, by comma, that the server is asked by; others are 421. *: any; empty: any, but "
        "for operators' actions"
    );
    add_cors_flag(app, flags);
    add_setting(app, "--threads", server.threads, "I/O threads")->check(CLI::Range(1, 64));
    add_setting(app, "--max-connections", server.max_connections, "Connections at a time")
        ->check(CLI::Range(1, 1'000'000));
    add_setting(app, "--max-body-bytes", server.max_body_bytes, "Of a request; more is 413")
        ->check(CLI::Range(1, most_bytes));
    add_setting(app, "--max-header-bytes", server.max_header_bytes, "Of a request; more is 431")
        ->check(CLI::Range(1, most_bytes));
    add_setting(app, "--max-target-bytes", server.max_target_bytes, "Of a request; more is 414")
        ->check(CLI::Range(1, most_bytes));
    add_setting(app, "--max-json-depth", server.max_json_depth, "Of a body's nesting; more is 400")
        ->check(CLI::Range(1, 1000));
}

void add_limit_flags(CLI::App& app, Flags& flags) {
    constexpr int most = 1'000'000;
    add_setting(
        app,
        "--max-connections-per-client",
        flags.serve.server.max_connections_per_client,
        "Of an address (IPv6: its /64) at a time; more are 429. 0: an eighth of --max-connections, "
        "but for this machine's"
    )
        ->check(CLI::Range(0, most));
    add_setting(
        app,
        "--rate-limit",
        flags.rate_limit,
        "Requests of a client in the long run: 50/s, 600/m, 1000/h; more are 429. Empty: any"
    );
    add_setting(
        app,
        "--rate-burst",
        flags.rate_burst,
        "Requests of a client at once, after a rest; 0: those of 2 s of --rate-limit"
    )
        ->check(CLI::Range(0, most));
}

void add_time_flags(CLI::App& app, Flags& flags) {
    add_setting(app, "--idle-timeout", flags.idle_ms, "ms between requests of a connection")
        ->check(CLI::Range(1, most_ms));
    add_setting(app, "--header-timeout", flags.header_ms, "ms for a request's header; then 408")
        ->check(CLI::Range(1, most_ms));
    add_setting(app, "--body-timeout", flags.body_ms, "ms for a request's body; then 408")
        ->check(CLI::Range(1, most_ms));
    add_setting(app, "--write-timeout", flags.write_ms, "ms for a client to take an answer")
        ->check(CLI::Range(1, most_ms));
    add_setting(
        app, "--heartbeat", flags.heartbeat_ms, "ms between comments on a quiet event stream"
    )
        ->check(CLI::Range(1, most_ms));
    add_setting(app, "--drain-delay", flags.drain_delay_ms, "ms not ready before accepting ends")
        ->check(CLI::Range(0, most_ms));
    add_setting(
        app, "--drain-timeout", flags.drain_timeout_ms, "ms for what is in flight at the end"
    )
        ->check(CLI::Range(0, most_ms));
    add_setting(
        app, "--stall-timeout", flags.stall_ms, "ms in one step, then a context counts as hanging"
    )
        ->check(CLI::Range(1, most_ms));
    add_setting(
        app,
        "--exit-when-unhealthy",
        flags.exit_when_unhealthy_s,
        "s unhealthy, then it ends with status 1; 0: never"
    )
        ->check(CLI::Range(0, most_ms / 1000));
}

void add_port_flags(CLI::App& app, Flags& flags) {
    add_setting(
        app,
        "--customer-url",
        flags.customer_url,
        "http(s)://HOST:PORT that order asks for customers; empty: this process"
    );
    add_setting(
        app,
        "--inventory-url",
        flags.inventory_url,
        "http(s)://HOST:PORT that order asks for books; empty: this process"
    );
    add_setting(
        app,
        "--van-url",
        flags.van_url,
        "http(s)://HOST:PORT of the VAN that payment charges at; empty: this process"
    );
    add_setting(
        app,
        "--peers",
        flags.peers,
        "http(s)://HOST:PORT, by comma, of the processes that host other contexts, where they "
        "listen "
        "for operators: shown and acted on as one system"
    )
        ->delimiter(',');
    add_client_tls(app, flags.client_tls);
    add_setting(
        app,
        "--peer-timeout",
        flags.peer_ms,
        "ms for one of --peers to answer; then it is unreachable"
    )
        ->check(CLI::Range(1, most_ms));
    add_setting(
        app,
        "--port-token-file",
        flags.port_token_file,
        "File with the token that this process asks those, and --peers, by; read when it changes"
    );
    add_setting(
        app,
        "--ask-timeout",
        flags.contexts.order_ports.http.timeout_ms,
        "ms for customer or inventory to answer order"
    )
        ->check(CLI::Range(1, most_ms));
    add_setting(
        app,
        "--payment-timeout",
        flags.contexts.payment.van_timeout_ms,
        "ms for VAN to answer payment"
    )
        ->check(CLI::Range(1, most_ms));
    add_setting(
        app, "--port-calls", flags.port_calls, "Calls to another context under way, of each port"
    )
        ->check(CLI::Range(1, 10'000));
}

void add_system_flags(CLI::App& app, Flags& flags, const std::vector<std::string>& context_names) {
    host::SystemOptions& system = flags.serve.system;
    system.data_dir = "./data";
    system.modules = context_names;
    add_setting(app, "--data-dir", system.data_dir, "Where the SQLite files are");
    add_setting(app, "--modules", system.modules, "Contexts that this process hosts, by comma")
        ->delimiter(',')
        ->check(CLI::IsMember(context_names));
    add_setting(app, "--stopped", system.stopped, "Contexts that rest from the start, by comma")
        ->delimiter(',')
        ->check(CLI::IsMember(context_names));
    add_setting(
        app, "--idempotency-ttl", system.idempotency_kept_ms, "ms to keep a key's first answer"
    )
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{366} * most_ms));
    add_setting(app, "--read-timeout", system.read_limit_ms, "ms for a query's statement; then 503")
        ->check(CLI::Range(1, most_ms));
    add_setting(
        app,
        "--topic-retention",
        flags.topic_retention,
        "Age up to which events are kept: 30d, 12h, 90m, 60s or 500ms; empty: all"
    );
    add_setting(
        app,
        "--topic-retention-size",
        flags.topic_retention_size,
        "Bytes of topic.db up to which events are kept: 10GB, 500MB; empty: all"
    );
    add_setting(app, "--retry-attempts", system.retry.attempts, "For an event, then it is parked")
        ->check(CLI::PositiveNumber);
}

void add_topic_flags(CLI::App& app, Flags& flags) {
    add_kafka_flags(
        app,
        flags.kafka,
        "HOST:PORT, by comma, of the Kafka brokers over which events cross between processes; "
        "empty: all contexts are here; none: the others are done without"
    );
    add_setting(
        app,
        "--kafka-unhealthy-after",
        flags.kafka_unhealthy_s,
        "s without a broker, then /isHealthy fails; 0: never"
    )
        ->check(CLI::Range(0, most_ms / 1000));
}

void add_van_flags(CLI::App& app, Flags& flags) {
    add_setting(
        app,
        "--van-hang",
        flags.contexts.van.hang_ms,
        "ms that the network behind VAN takes over amount 0"
    )
        ->check(CLI::Range(0, most_ms));
    BreakerOptions& breaker = flags.contexts.van.breaker;
    add_setting(
        app, "--breaker-timeout", breaker.timeout_ms, "ms, then a call of VAN's network failed"
    )
        ->check(CLI::Range(1, most_ms));
    add_setting(app, "--breaker-sleep-window", breaker.sleep_window_ms, "ms open before a trial")
        ->check(CLI::Range(0, most_ms));
    add_setting(
        app, "--breaker-request-volume", breaker.request_volume, "Calls in the window to open"
    )
        ->check(CLI::Range(1, 1'000'000));
    add_setting(app, "--breaker-error-percent", breaker.error_percent, "Of them failed, to open")
        ->check(CLI::Range(1, 100));
    add_setting(app, "--breaker-window", breaker.window_ms, "ms, rolling, in 10 buckets")
        ->check(CLI::Range(10, 3'600'000));
}

void add_log_flags(CLI::App& app, Flags& flags) {
    add_setting(app, "--log-format", flags.log_format, "text, or json: an object a line")
        ->check(CLI::IsMember({"text", "json"}));
    add_setting(
        app,
        "--audit-log",
        flags.serve.audit_log,
        "File that operators' actions and refused attempts are appended to, a JSON line each"
    );
    add_setting(
        app, "--log-level", flags.serve.log_level, "trace, debug, info, warning, error, off"
    )
        ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
}

/// By what this process says to others who it is.
std::shared_ptr<http::TokenFile> read_port_token(const Flags& flags) {
    if (flags.port_token_file.empty()) {
        return nullptr;
    }
    if (flags.peers.empty() && flags.customer_url.empty() && flags.inventory_url.empty() &&
        flags.van_url.empty()) {
        throw std::runtime_error(
            "--port-token-file is for other processes, and none is asked: add --peers, "
            "--customer-url, --inventory-url or --van-url"
        );
    }
    try {
        return std::make_shared<http::TokenFile>(flags.port_token_file);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(fmt::format("--port-token-file: {}", error.what()));
    }
}

void read_ports(
    const Flags& flags, const std::shared_ptr<http::TokenFile>& token, app::ContextOptions& contexts
) {
    contexts.order_ports.http.token = token;
    contexts.order_ports.customer = origin_of("--customer-url", flags.customer_url);
    contexts.order_ports.inventory = origin_of("--inventory-url", flags.inventory_url);
    contexts.van_port.van = origin_of("--van-url", flags.van_url);
    const http::ClientTls tls = read_client_tls(flags.client_tls);
    contexts.order_ports.http.tls = tls;
    contexts.order_ports.http.calls = flags.port_calls;
    contexts.order_ports.http.breaker = contexts.van.breaker;
    contexts.van_port.http = {
        .tls = tls,
        .token = token,
        .timeout_ms = contexts.payment.van_timeout_ms,
        .calls = flags.port_calls,
        .breaker = contexts.van.breaker
    };
    if (contexts.van_port.van) {
        contexts.payment.van_calls = flags.port_calls;
    }
}

std::vector<http::Url> read_peers(const Flags& flags) {
    std::vector<http::Url> origins;
    for (const std::string& url : flags.peers) {
        const auto origin = origin_of("--peers", url);
        const auto same = [&origin](const http::Url& other) {
            return http::origin_text(other) == http::origin_text(*origin);
        };
        if (origin && std::ranges::none_of(origins, same)) {
            origins.push_back(*origin);
        }
    }
    return origins;
}

/// How many there may be at a time, each call on one of its own.
std::size_t port_connections(const Flags& flags) {
    const adapters::OrderPortOptions& order = flags.contexts.order_ports;
    const bool apart[] = {
        order.customer.has_value(),
        order.inventory.has_value(),
        flags.contexts.van_port.van.has_value()
    };
    return flags.port_calls * static_cast<std::size_t>(std::ranges::count(apart, true));
}

void read_times(const Flags& flags, app::ServeOptions& options) {
    using std::chrono::milliseconds;
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
}

void read_retention(const Flags& flags, host::RetentionOptions& retention) {
    retention.max_age_ms = read_amount(
        "--topic-retention",
        flags.topic_retention,
        {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}
    );
    retention.max_bytes = read_amount(
        "--topic-retention-size",
        flags.topic_retention_size,
        {{"GB", 1'000'000'000}, {"MB", 1'000'000}, {"KB", 1000}}
    );
}

/// Whatever a context needs of others, answers or events, is here, or said where it is.
void check_split(const Flags& flags, const host::Contexts& contexts) {
    if (flags.kafka.brokers == no_brokers) {
        return;
    }
    const std::vector<std::string>& modules = flags.serve.system.modules;
    const auto hosts = [&modules](std::string_view name) {
        return std::ranges::find(modules, name) != modules.end();
    };
    const auto require = [&](std::string_view context,
                             std::string_view needed,
                             const std::string& url,
                             std::string_view flag) {
        if (hosts(context) && !hosts(needed) && url.empty()) {
            throw std::runtime_error(fmt::format(
                "--modules hosts {} without {}: add {} http://HOST:PORT of the process that hosts "
                "it, or {} to --modules",
                context,
                needed,
                flag,
                needed
            ));
        }
    };
    require("order", "customer", flags.customer_url, "--customer-url");
    require("order", "inventory", flags.inventory_url, "--inventory-url");
    require("payment", "van", flags.van_url, "--van-url");
    if (flags.kafka.brokers.empty()) {
        if (const auto missed = app::missed_event(contexts, modules)) {
            throw std::runtime_error(fmt::format(
                "--modules hosts {0} without {1}, whose {2} it handles: add --kafka HOST:PORT, "
                "over "
                "which the events of other processes come, or {1} to --modules; --kafka none does "
                "without them",
                missed->context,
                missed->publisher,
                missed->type
            ));
        }
    } else if (flags.serve.system.retention.limited()) {
        throw std::runtime_error(
            "--topic-retention and --kafka do not go together: the log of all processes is kept"
        );
    }
}

void check_agreement(const Flags& flags, const host::Contexts& contexts) {
    const host::SystemOptions& system = flags.serve.system;
    for (const std::string& name : system.stopped) {
        if (std::ranges::find(system.modules, name) == system.modules.end()) {
            throw std::runtime_error("--stopped names " + name + ", which --modules does not host");
        }
    }
    check_split(flags, contexts);
    if (flags.contexts.payment.van_timeout_ms <= flags.contexts.van.breaker.timeout_ms) {
        throw std::runtime_error(
            "--payment-timeout must exceed --breaker-timeout, or every slow charge counts as "
            "unanswered"
        );
    }
}

int run(Flags& flags, const Program& program) {
    app::ServeOptions& options = flags.serve;
    static_cast<http::ListenAddress&>(options.server) = read_listen("--listen", flags.listen);
    if (!flags.operator_listen.empty()) {
        if (flags.operator_listen == flags.listen && !flags.listen.ends_with(":0")) {
            throw std::runtime_error(
                "--operator-listen and --listen are both " + flags.listen +
                ": operators need another place, such as 127.0.0.1:8081"
            );
        }
        options.server.operators = read_listen("--operator-listen", flags.operator_listen);
    }
    read_tls_flags(flags.tls, options.server);
    read_trusted_proxies(flags.trusted_proxies, options.server);
    options.server.proxy_headers = flags.proxy_headers == "forwarded"
                                       ? http::ProxyHeaders::forwarded
                                       : http::ProxyHeaders::x_forwarded;
    options.hosts =
        value_of("--allowed-hosts", http::Hosts::parse(flags.allowed_hosts, original_names));
    options.cors = value_of("--cors-origin", http::Cors::parse(flags.cors_origins));
    options.rate_limit = read_rate_limit(flags.rate_limit, flags.rate_burst);
    options.auth = read_auth_flags(flags.auth);
    if (options.auth) {
        options.auth->keys.tls = read_client_tls(flags.client_tls);
    }
    options.system.keeps_owners = options.auth.has_value();
    read_times(flags, options);
    read_retention(flags, options.system.retention);
    options.log_format =
        flags.log_format == "json" ? observe::LogFormat::json : observe::LogFormat::text;
    check_agreement(flags, program.contexts);
    const auto port_token = read_port_token(flags);
    read_ports(flags, port_token, flags.contexts);
    options.peers.token = port_token;
    options.port_connections = port_connections(flags);
    options.peers.origins = read_peers(flags);
    options.peers.tls = flags.contexts.order_ports.http.tls;
    if (!flags.kafka.brokers.empty() && flags.kafka.brokers != no_brokers) {
        options.kafka = read_kafka_flags(flags.kafka);
        options.kafka_patience = std::chrono::seconds(flags.kafka_unhealthy_s);
    }
    options.peers.ask_timeout = std::chrono::milliseconds(flags.peer_ms);
    options.contexts = program.contexts_of(flags.contexts);
    return app::serve(options);
}

std::vector<std::string> names_of(const host::Contexts& contexts) {
    std::vector<std::string> names;
    for (const kernel::Context& context : contexts) {
        names.push_back(context.name);
    }
    return names;
}

}  // namespace

Run declare_serve(CLI::App& app, const Program& program) {
    auto flags = std::make_unique<Flags>();
    flags->serve.server.threads = std::max(1U, std::thread::hardware_concurrency());
    add_server_flags(app, *flags);
    add_limit_flags(app, *flags);
    add_auth_flags(app, flags->auth);
    add_time_flags(app, *flags);
    add_system_flags(app, *flags, names_of(program.contexts));
    add_port_flags(app, *flags);
    add_topic_flags(app, *flags);
    add_van_flags(app, *flags);
    add_log_flags(app, *flags);
    return [flags = std::move(flags), &program] { return run(*flags, program); };
}

}  // namespace bookstore::tools
