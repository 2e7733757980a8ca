#include "observe/exposition.hpp"
#include "observe/metrics.hpp"

// What crosses the partition, where the topic is a mirror of one.

namespace bookstore::observe {
namespace {

void write_pipe(Exposition& out, const bus::PipeStats& stats) {
    out.gauge("bookstore_kafka_connected", "1: the broker that has the partition answers.");
    out.sample({}, stats.connected ? 1 : 0);
    out.counter("bookstore_kafka_sent_total", "Records that were given to the client.");
    out.sample({}, stats.sent);
    out.counter("bookstore_kafka_acknowledged_total", "Records that the broker has taken.");
    out.sample({}, stats.acknowledged);
    out.counter("bookstore_kafka_failed_total", "Records that will not arrive; sent again.");
    out.sample({}, stats.failed);
    out.counter("bookstore_kafka_reconnects_total", "Connections to brokers that were lost.");
    out.sample({}, stats.reconnects);
    out.gauge("bookstore_kafka_round_trip_seconds", "Of requests to the broker, as of late.");
    out.sample({}, static_cast<double>(stats.round_trip_us) / 1e6);
    if (stats.behind) {
        out.gauge("bookstore_kafka_lag", "Records of the partition that were not read yet.");
        out.sample({}, *stats.behind);
    }
}

}  // namespace

void Metrics::write_partition(Exposition& out) const {
    const bus::Mirror* const mirror = system_.mirror();
    if (mirror == nullptr) {
        return;
    }
    write_pipe(out, system_.pipe_stats().value_or(bus::PipeStats{}));
    const bus::MirrorStats& stats = mirror->stats();
    out.counter("bookstore_mirror_read_total", "Records of the partition that were read.");
    out.sample({}, stats.read.value());
    out.counter(
        "bookstore_mirror_records_total",
        "What became of them; doubled: was there already; early: the one before has not come; "
        "forked: of a second copy of a file; foreign: nobody's of ours."
    );
    out.sample({{"outcome", "accepted"}}, stats.accepted.value());
    out.sample({{"outcome", "doubled"}}, stats.doubled.value());
    out.sample({{"outcome", "early"}}, stats.early.value());
    out.sample({{"outcome", "forked"}}, stats.forked.value());
    out.sample({{"outcome", "foreign"}}, stats.foreign.value());
    out.counter("bookstore_mirror_audits_total", "Times that the last record was asked for again.");
    out.sample({}, stats.audits.value());
    out.gauge("bookstore_mirror_refused", "1: topic.db and the partition contradict each other.");
    out.sample({}, mirror->refuses() ? 1 : 0);
    out.counter("bookstore_relay_resent_total", "Times that the relay began to send again.");
    out.sample({}, system_.partition_relay()->doubts());
    out.gauge(
        "bookstore_module_refused", "1: the context's file and the partition contradict each other."
    );
    for (const auto& module : system_.modules()) {
        out.sample({{"module", module->name()}}, module->gate().refuses() ? 1 : 0);
    }
}

}  // namespace bookstore::observe
