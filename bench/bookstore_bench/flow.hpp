#pragma once

#include <cstdint>
#include <string>

namespace bookstore::bench {

struct SyncOptions {
    std::string directory;  ///< on the disk that is meant
    int writes = 200;
};

/// What one sync of that disk costs: a page is written where a WAL already is and synced by
/// fdatasync, as SQLite does it. Figures: fsync_ms (p50), fsync_p99_ms; and the same of a file that
/// grows by each write: fsync_grow_ms; and of one that rests before each write as long as the
/// client of measure_latency: fsync_rested_ms.
void measure_sync(const SyncOptions& options);

struct LatencyOptions {
    std::string url;
    int orders = 100;
    std::int64_t customer = 1;
    std::int64_t book = 1;
};

/// One client, one connection, an idle server: an order is placed and asked for until it is
/// Shipped, then the next one. Figures: created_ms (its 201), shipped_ms, shipped_p99_ms.
void measure_latency(const LatencyOptions& options);

struct HopOptions {
    std::string url;
    std::string data_dir;  ///< of the server
    double rate_per_s = 1000;
    double seconds = 10;
    std::int64_t customer = 1;
    std::int64_t book = 1;
};

/// From the commit that published an event to the commit of whoever handled it, while orders come
/// at a steady rate. Seen from outside: the count in each context's WAL index (of transactions) is
/// looked at every 50 us, and when it moved, the newest row is read; a commit is visible there when
/// it is synced. Hops: Ordered to inventory's and to payment's rows, DeliveryPrepared to delivery's
/// outbox. Figures: hop_ms, hop_p99_ms of all of them, ordered_inventory_ms, ordered_payment_ms,
/// prepared_delivery_ms (p50), post_ms and post_p99_ms (from when the POST was due to its 201).
void measure_hops(const HopOptions& options);

}  // namespace bookstore::bench
