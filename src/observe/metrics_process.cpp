#include <boost/version.hpp>

#include "base/words.hpp"
#include "observe/audit.hpp"
#include "observe/exposition.hpp"
#include "observe/metrics.hpp"
#include "observe/process_stats.hpp"

// What is measured of the process as one: its memory, its server, its health, its calls of others.

namespace bookstore::observe {
namespace {

std::string_view method_of(http::Method method) {
    return method == http::Method::other ? "other" : http::name_of(method);
}

std::string_view word_of(kernel::HostedModule::State state) {
    switch (state) {
        case kernel::HostedModule::State::starting:
            return "starting";
        case kernel::HostedModule::State::running:
            return "running";
        case kernel::HostedModule::State::stopped:
            return "stopped";
    }
    return "?";
}

}  // namespace

void Metrics::write_process(Exposition& out) const {
    const ProcessStats stats = process_stats();
    out.counter("process_cpu_seconds_total", "CPU time of the process, user and system.");
    out.sample({}, stats.cpu_seconds);
    out.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.");
    out.sample({}, stats.resident_bytes);
    out.gauge("process_virtual_memory_bytes", "Address space of the process.");
    out.sample({}, stats.virtual_bytes);
    out.gauge("process_open_fds", "Open file descriptors.");
    out.sample({}, stats.open_fds);
    out.gauge("process_max_fds", "File descriptors that may be open.");
    out.sample({}, stats.max_fds);
    out.gauge("process_threads", "Threads of the process.");
    out.sample({}, stats.threads);
    out.gauge("process_start_time_seconds", "When the process began, since 1970.");
    out.sample({}, stats.start_time_seconds);
    out.gauge("bookstore_build_info", "1; what this bookstore was built of, in the labels.");
    out.sample(
        {{"version", options_.version},
         {"compiler", __VERSION__},
         {"boost", BOOST_LIB_VERSION},
         {"sqlite", storage::sqlite_version()}},
        1
    );
}

void Metrics::write_http(Exposition& out) const {
    const http::ServerStats stats = server_.stats();
    out.gauge("bookstore_http_connections", "Connections that are open.");
    out.sample({}, stats.connections);
    out.counter("bookstore_http_connections_accepted_total", "Connections that were accepted.");
    out.sample({}, stats.accepted);
    out.counter(
        "bookstore_http_connections_refused_total",
        "Accepted connections that were one too many: answered 503 (429) and closed."
    );
    out.sample({}, stats.turned_away);
    out.counter(
        "bookstore_http_client_connections_refused_total",
        "Of these: their clients had too many, answered 429."
    );
    out.sample({}, stats.turned_away_of_client);
    const auto limited =
        options_.limiter != nullptr ? options_.limiter->counts() : http::RateLimiter::Counts{};
    out.counter(
        "bookstore_http_rate_limited_total", "Requests of clients who ask too often, answered 429."
    );
    out.sample({}, limited.refused);
    out.counter(
        "bookstore_http_rate_limit_forgotten_total",
        "Clients whose use was forgotten for want of room: they may send a whole burst again."
    );
    out.sample({}, limited.forgotten);
    out.gauge(
        "bookstore_http_requests_in_flight",
        "Requests that are being answered, this one and open event streams too."
    );
    out.sample({}, stats.in_flight);
    const auto labelled = [this](const http::RequestCount& count, const auto& write) {
        const std::string status = std::to_string(count.status);
        write(
            Labels{
                {"method", method_of(count.method)},
                {"route", route_of(count.route)},
                {"status", status}
            },
            count.durations
        );
    };
    out.counter(
        "bookstore_http_requests_total",
        "Requests that were answered, by the route's pattern (none: no route fits)."
    );
    for (const http::RequestCount& count : stats.requests) {
        labelled(count, [&](Labels labels, const HistogramCounts& counts) {
            out.sample(labels, counts.count());
        });
    }
    out.histogram(
        "bookstore_http_request_duration_seconds",
        "From the request being there whole to its answer being written; of an event stream, to "
        "its begin."
    );
    for (const http::RequestCount& count : stats.requests) {
        labelled(count, [&](Labels labels, const HistogramCounts& counts) {
            out.sample(labels, counts);
        });
    }
}

/// Without TLS they have no samples.
void Metrics::write_tls(Exposition& out) const {
    const auto status = server_.tls_status();
    out.gauge(
        "bookstore_tls_certificate_expiry_timestamp_seconds",
        "When the certificate, or one of its chain, expires, since 1970."
    );
    if (status) {
        out.sample({}, status->expires_s);
    }
    out.gauge(
        "bookstore_tls_certificate_current",
        "1: what is served is what its files have; 0: these have changed and cannot be taken."
    );
    if (status) {
        out.sample({}, status->problem.empty() ? 1 : 0);
    }
    out.counter("bookstore_tls_certificate_loads_total", "Times that its files were read.");
    if (status) {
        out.sample({{"result", "taken"}}, status->loads);
        out.sample({{"result", "failed"}}, status->failures);
    }
    out.counter(
        "bookstore_tls_handshakes_total",
        "Begins of connections; plain: a request came without TLS and was answered 400."
    );
    if (status) {
        const http::HandshakeCounts counts = server_.stats().handshakes;
        out.sample({{"result", "full"}}, counts.full);
        out.sample({{"result", "resumed"}}, counts.resumed);
        out.sample({{"result", "failed"}}, counts.failed);
        out.sample({{"result", "plain"}}, counts.plain);
    }
}

void Metrics::write_audit(Exposition& out) const {
    if (options_.audit == nullptr) {
        return;
    }
    const AuditLog::Counts counts = options_.audit->counts();
    out.counter(
        "bookstore_audit_lines_total",
        "Lines of the audit log (lost: they could not be written, or too many waited)."
    );
    out.sample({{"result", "written"}}, counts.written);
    out.sample({{"result", "lost"}}, counts.lost);
}

void Metrics::write_health(Exposition& out) const {
    out.gauge("bookstore_healthy", "1: /isHealthy is 200.");
    out.sample({}, health_.fault().empty() ? 1 : 0);
    out.gauge("bookstore_ready", "1: every context has caught up with what it missed.");
    out.sample({}, system_.ready() ? 1 : 0);
    out.gauge("bookstore_component_up", "1: the context, or the relay, works or was stopped.");
    const auto up = [this](std::size_t place) { return health_.fault_of(place).empty() ? 1 : 0; };
    for (std::size_t place = 0; place < system_.modules().size(); ++place) {
        out.sample({{"component", system_.modules()[place]->name()}}, up(place));
    }
    out.sample({{"component", "relay"}}, up(system_.relay_place()));
    out.gauge(
        "bookstore_outbox_relayed",
        "1: the events that the context publishes are relayed; 0: its outbox cannot be read."
    );
    for (const auto& module : system_.modules()) {
        out.sample({{"module", module->name()}}, system_.relay().healthy(module->name()) ? 1 : 0);
    }
    out.gauge("bookstore_module_state", "1: the context is in that state.");
    for (const auto& module : system_.modules()) {
        out.states(
            {{"module", module->name()}},
            {"starting", "running", "stopped"},
            word_of(module->state())
        );
    }
}

void Metrics::write_breakers(Exposition& out) const {
    const auto breakers = system_.breakers();
    out.gauge("bookstore_breaker_state", "1: the circuit breaker is in that state.");
    for (const host::NamedBreaker& breaker : breakers) {
        out.states(
            {{"module", breaker.context}, {"breaker", breaker.name}},
            {"closed", "open", "half-open"},
            word(breaker.snapshot.state)
        );
    }
    out.counter("bookstore_breaker_opened_total", "Times that it opened, failed trials included.");
    for (const host::NamedBreaker& breaker : breakers) {
        out.sample(
            {{"module", breaker.context}, {"breaker", breaker.name}}, breaker.snapshot.opened
        );
    }
    out.counter("bookstore_breaker_calls_total", "Calls; refused: not let through.");
    for (const host::NamedBreaker& breaker : breakers) {
        const auto sample = [&](std::string_view result, std::int64_t count) {
            out.sample(
                {{"module", breaker.context}, {"breaker", breaker.name}, {"result", result}}, count
            );
        };
        sample("succeeded", breaker.snapshot.succeeded);
        sample("failed", breaker.snapshot.failed);
        sample("refused", breaker.snapshot.refused);
    }
}

}  // namespace bookstore::observe
