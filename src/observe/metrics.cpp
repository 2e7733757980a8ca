#include "observe/metrics.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>

#include "kernel/schema.hpp"
#include "observe/exposition.hpp"

namespace bookstore::observe {
namespace {

constexpr std::string_view no_route = "none";
constexpr std::string_view topic_name = "topic";

double seconds_since(std::optional<std::int64_t> then_ms, std::int64_t now_ms) {
    return static_cast<double>(std::max<std::int64_t>(now_ms - then_ms.value_or(now_ms), 0)) / 1000;
}

std::uint64_t bytes_of(const std::string& path) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(path, failed);
    return failed ? 0 : size;
}

/// A file that cannot be read has no samples now; the others have.
void unless_unreadable(const std::function<void()>& write) {
    try {
        write();
    } catch (const storage::Error&) {
        return;  // the writer's failures and the health tell of it
    }
}

/// Calls `use` with the name and the writer of every file, the topic's too.
void for_each_writer(
    host::System& system,
    const std::function<void(std::string_view name, const storage::WriterStats& stats)>& use
) {
    for (const auto& module : system.modules()) {
        use(module->name(), module->writer_stats());
    }
    use(topic_name, system.topic().writer_stats());
}

void for_each_subscription(
    host::System& system,
    const std::function<void(kernel::HostedModule& module, const bus::Subscription& subscription)>&
        use
) {
    for (const auto& module : system.modules()) {
        for (const auto& subscription : module->subscriptions()) {
            use(*module, *subscription);
        }
    }
}

void for_each_task(
    host::System& system,
    const std::function<
        void(std::string_view module, std::string_view task, const bus::TaskStats& stats)>& use
) {
    for (const auto& module : system.modules()) {
        for (const auto& task : module->tasks()) {
            use(module->name(), task->name(), task->stats());
        }
    }
}

}  // namespace

Metrics::Metrics(
    host::System& system, const host::Health& health, const http::Server& server, Options options
)
    : system_(system), health_(health), server_(server), options_(std::move(options)) {}

void Metrics::name_routes(const std::vector<http::Route>& routes) {
    routes_.assign(1, std::string(no_route));
    for (const http::Route& route : routes) {
        routes_.push_back(route.pattern);
    }
}

std::string_view Metrics::route_of(std::uint32_t number) const {
    return number < routes_.size() ? std::string_view(routes_[number]) : no_route;
}

std::string Metrics::text() const {
    Exposition out;
    write_process(out);
    write_http(out);
    write_tls(out);
    write_audit(out);
    write_health(out);
    write_commits(out);
    write_files(out);
    write_outboxes(out);
    write_subscriptions(out);
    write_held(out);
    write_tasks(out);
    write_events(out);
    write_breakers(out);
    write_partition(out);
    return out.take();
}

void Metrics::write_commits(Exposition& out) const {
    const auto for_each = [this](const auto& use) { for_each_writer(system_, use); };
    out.counter(
        "bookstore_commits_total", "Commits, by file and by whether the disk was waited for."
    );
    for_each([&](std::string_view name, const storage::WriterStats& stats) {
        out.sample({{"module", name}, {"synced", "true"}}, stats.synced.counts().count());
        out.sample({{"module", name}, {"synced", "false"}}, stats.unsynced.counts().count());
    });
    out.histogram(
        "bookstore_commit_duration_seconds", "What COMMIT took; synced: the fsync of the WAL too."
    );
    for_each([&](std::string_view name, const storage::WriterStats& stats) {
        out.sample({{"module", name}, {"synced", "true"}}, stats.synced.counts());
        out.sample({{"module", name}, {"synced", "false"}}, stats.unsynced.counts());
    });
    out.histogram(
        "bookstore_commit_batch_size",
        "Writes that one commit made durable together: of requests, tasks, batches of events."
    );
    for_each([&](std::string_view name, const storage::WriterStats& stats) {
        out.sample({{"module", name}}, stats.jobs.counts());
    });
    out.counter("bookstore_commit_failures_total", "Batches that the storage refused.");
    for_each([&](std::string_view name, const storage::WriterStats& stats) {
        out.sample({{"module", name}}, stats.failed_commits.value());
    });
}

void Metrics::write_files(Exposition& out) const {
    std::vector<std::string> names;
    for (const auto& module : system_.modules()) {
        names.push_back(module->name());
    }
    names.emplace_back(topic_name);
    out.gauge("bookstore_wal_size_bytes", "The file of the write-ahead log.");
    for (const std::string& name : names) {
        out.sample({{"module", name}}, bytes_of(options_.data_dir + "/" + name + ".db-wal"));
    }
    out.gauge("bookstore_database_size_bytes", "The database's file.");
    for (const std::string& name : names) {
        out.sample({{"module", name}}, bytes_of(options_.data_dir + "/" + name + ".db"));
    }
}

void Metrics::write_outboxes(Exposition& out) const {
    out.gauge("bookstore_outbox_depth", "Events that were published but are not in the topic yet.");
    for (const auto& module : system_.modules()) {
        unless_unreadable([&] {
            const auto depth = std::max<std::int64_t>(module->outbox().depth(), 0);
            out.sample({{"module", module->name()}}, depth);
        });
    }
    out.gauge("bookstore_outbox_state", "1: they are in that state.");
    for (const auto& module : system_.modules()) {
        unless_unreadable([&] {
            const auto state = system_.relay().backlog_state(module->name());
            out.states({{"module", module->name()}}, state);
        });
    }
    out.gauge(
        "bookstore_relay_lag_seconds", "How long the oldest of them waits; 0: there is none."
    );
    for (const auto& module : system_.modules()) {
        unless_unreadable([&] {
            const auto since_ms = module->outbox().waiting_since_ms();
            const double lag = seconds_since(since_ms, module->module().clock().now_ms());
            out.sample({{"module", module->name()}}, lag);
        });
    }
}

void Metrics::write_subscriptions(Exposition& out) const {
    const auto sample_each = [this, &out](const auto& value) {
        for_each_subscription(system_, [&](kernel::HostedModule& module, const auto& subscription) {
            unless_unreadable([&] {
                const auto now = value(module, subscription);
                out.sample({{"module", module.name()}, {"subscription", subscription.name()}}, now);
            });
        });
    };
    using Module = kernel::HostedModule;
    using bus::Subscription;
    out.gauge(
        "bookstore_subscription_lag_events",
        "Events of the topic behind the cursor, up to the last one that it handles."
    );
    sample_each([](Module&, const Subscription& one) { return one.lag(); });
    out.gauge(
        "bookstore_subscription_lag_seconds", "How long ago the first of them was published."
    );
    sample_each([](Module& module, const Subscription& one) {
        return seconds_since(one.waiting_since_ms(), module.module().clock().now_ms());
    });
    out.gauge("bookstore_subscription_state", "1: what it has still to handle is in that state.");
    for_each_subscription(system_, [&](Module& module, const Subscription& one) {
        out.states({{"module", module.name()}, {"subscription", one.name()}}, module.state_of(one));
    });
    out.counter("bookstore_subscription_events_total", "Events that were handled, or held.");
    sample_each([](Module&, const Subscription& one) { return one.stats().events.value(); });
    out.counter(
        "bookstore_subscription_failures_total", "Times that a handler threw: its event is held."
    );
    sample_each([](Module&, const Subscription& one) { return one.stats().failures.value(); });
    out.counter("bookstore_subscription_retries_total", "Times that a held event was tried again.");
    sample_each([](Module&, const Subscription& one) { return one.stats().retries.value(); });
    out.histogram("bookstore_handler_duration_seconds", "What handling one event took.");
    for_each_subscription(system_, [&](Module& module, const Subscription& subscription) {
        for (const auto& [event, durations] : subscription.handler_durations()) {
            out.sample(
                {{"module", module.name()}, {"subscription", subscription.name()}, {"event", event}
                },
                durations
            );
        }
    });
}

void Metrics::write_held(Exposition& out) const {
    const auto sample_each = [this, &out](std::int64_t bus::HeldTable::Counts::* which) {
        for_each_subscription(system_, [&](kernel::HostedModule& module, const auto& subscription) {
            unless_unreadable([&] {
                const storage::Reader reader = module.read();
                const auto counts = subscription.held().counts(*reader);
                out.sample(
                    {{"module", module.name()}, {"subscription", subscription.name()}},
                    counts.*which
                );
            });
        });
    };
    out.gauge(
        "bookstore_held_events", "Events that could not be handled yet, and those behind them."
    );
    sample_each(&bus::HeldTable::Counts::held);
    out.gauge(
        "bookstore_parked_events", "Of these: given up until somebody retries or skips them."
    );
    sample_each(&bus::HeldTable::Counts::parked);
}

void Metrics::write_tasks(Exposition& out) const {
    const auto sample_each = [this, &out](const auto& value) {
        for_each_task(
            system_,
            [&](std::string_view module, std::string_view task, const bus::TaskStats& stats) {
                out.sample({{"module", module}, {"task", task}}, value(stats));
            }
        );
    };
    using bus::TaskStats;
    out.counter("bookstore_task_calls_total", "Calls that were begun for a stored intent.");
    sample_each([](const TaskStats& stats) { return stats.started.value(); });
    out.counter("bookstore_task_timeouts_total", "Calls that got no answer in time.");
    sample_each([](const TaskStats& stats) { return stats.timed_out.value(); });
    out.counter(
        "bookstore_task_failures_total",
        "Calls whose result could not be stored: they are repeated."
    );
    sample_each([](const TaskStats& stats) { return stats.lost.value(); });
    out.gauge("bookstore_task_calls_in_flight", "Calls that are under way.");
    sample_each([](const TaskStats& stats) {
        const std::uint64_t ended = stats.ended.value();
        return std::max(stats.started.value(), ended) - ended;
    });
}

void Metrics::write_events(Exposition& out) const {
    const bus::EventCounts counts = system_.topic().appended();
    out.gauge("bookstore_topic_events", "Events in the topic, since its begin.");
    out.sample({}, system_.topic().end());
    out.counter(
        "bookstore_events_total",
        "Events that were relayed into the topic, since the process began."
    );
    for (const auto& [type, count] : counts) {
        out.sample({{"type", type}}, count);
    }
    const auto of_type = [&counts](std::string_view type) {
        const auto found = counts.find(type);
        return found == counts.end() ? std::uint64_t{0} : found->second;
    };
    for (const auto& module : system_.modules()) {
        for (const auto& counter : module->module().declarations().event_counters) {
            out.counter(counter.name, counter.help);
            for (const auto& [value, type] : counter.of) {
                out.sample({{counter.label, value}}, of_type(type));
            }
        }
    }
}

kernel::Endpoint metrics_endpoint(const Metrics& metrics) {
    kernel::Endpoint endpoint{.route = {.audience = http::Audience::operators}};
    endpoint.route.pattern = "/metrics";
    endpoint.route.produces = http::Produces::text;
    endpoint.route.handler = [&metrics](const http::Request&, const http::Done& done) {
        http::Response response;
        response.content_type = Exposition::media_type;
        response.body = metrics.text();
        done(std::move(response));
    };
    endpoint.operation = {
        .tag = "process",
        .id = "metrics",
        .summary = "What Prometheus scrapes",
        .replies =
            {{.status = 200,
              .description = "the text format, version 0.0.4",
              .type = "text/plain",
              .schema = kernel::text_schema()}}
    };
    return endpoint;
}

}  // namespace bookstore::observe
