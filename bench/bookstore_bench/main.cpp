// bookstore-bench: makes data directories of any size, and measures servers on them. What a
// subcommand finds it prints as figures, "name<tab>value"; scripts/bench collects and reports them.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>

#include "fill.hpp"
#include "flow.hpp"
#include "pages.hpp"
#include "process.hpp"
#include "report.hpp"
#include "settle.hpp"
#include "upkeep.hpp"

namespace {

using namespace bookstore::bench;

constexpr std::int64_t most_rows = 100'000'000;

void add_fill(CLI::App& app, std::string& data_dir, Size& size) {
    auto& fill = *app.add_subcommand("fill", "Makes a data directory with so many settled orders");
    fill.add_option("--data-dir", data_dir, "New or empty")->required();
    fill.add_option("--orders", size.orders)
        ->required()
        ->check(CLI::Range(std::int64_t{0}, most_rows));
    fill.add_option("--customers", size.customers)
        ->capture_default_str()
        ->check(CLI::Range(std::int64_t{1}, most_rows));
    fill.add_option("--books", size.books, "Each with a stock input")
        ->capture_default_str()
        ->check(CLI::Range(std::int64_t{1}, most_rows));
    fill.add_option("--big-customer-share", size.big_customer_share, "Of the orders, customer 1's")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 1.0));
    fill.add_option("--deleted-share", size.deleted_share, "Of the customers and of the books")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 1.0));
    fill.callback([&] {
        const auto start = std::chrono::steady_clock::now();
        bookstore::bench::fill(data_dir, Past(size));
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        fmt::print(
            "filled with {} orders, {} customers and {} books in {:.1f} s\n",
            size.orders,
            size.customers,
            size.books,
            took.count()
        );
    });
}

void add_pages(CLI::App& app, PagesOptions& options) {
    auto& pages = *app.add_subcommand("pages", "Measures pages of everything that can be listed");
    pages.add_option("--url", options.url, "Of the server")->capture_default_str();
    pages.add_option("--data-dir", options.data_dir, "Of the server: what it must answer")
        ->required();
    pages.add_option("--requests", options.requests, "For each page")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    pages.callback([&] { measure_pages(options); });
}

/// Which customer and which book orders are placed for.
template <class Options>
void add_order(CLI::App& app, Options& options) {
    app.add_option("--url", options.url, "Of the server")->required();
    app.add_option("--customer", options.customer)->capture_default_str();
    app.add_option("--book", options.book, "With stock enough")->capture_default_str();
}

template <class Options>
void add_data_dir(CLI::App& app, Options& options) {
    app.add_option("--data-dir", options.data_dir, "Of the server")->required();
}

struct AllOptions {
    std::string data_dir;
    Size size;
    PagesOptions pages;
    SettleOptions settle;
    WatchOptions watch;
    SyncOptions sync;
    LatencyOptions latency;
    HopOptions hops;
    StartOptions start;
    ConnectionsOptions connections;
    DrainOptions drain;
    RebuildOptions rebuild;
    DiskOptions disk;
    ReportOptions report;
    pid_t pid = 0;
};

void add_flow(CLI::App& app, AllOptions& all) {
    auto& settled = *app.add_subcommand("settle", "Places orders and waits until all are settled");
    add_order(settled, all.settle);
    add_data_dir(settled, all.settle);
    settled.add_option("--orders", all.settle.orders, "0: those that were placed are waited for")
        ->capture_default_str();
    settled.add_flag("--wait,!--no-wait", all.settle.waits, "Until they are settled");
    settled.add_option("--connections", all.settle.connections)->capture_default_str();
    settled.callback([&] { settle(all.settle); });

    auto& watched = *app.add_subcommand("watch", "Looks on while somebody else places orders");
    add_data_dir(watched, all.watch);
    watched.add_option("--seconds", all.watch.seconds)->capture_default_str();
    watched.callback([&] { watch(all.watch); });

    auto& sync = *app.add_subcommand("sync", "What a sync of a disk costs");
    sync.add_option("--directory", all.sync.directory, "On that disk")->required();
    sync.add_option("--writes", all.sync.writes)->capture_default_str();
    sync.callback([&] { measure_sync(all.sync); });

    auto& latency = *app.add_subcommand("latency", "One client's orders until they are shipped");
    add_order(latency, all.latency);
    latency.add_option("--orders", all.latency.orders)->capture_default_str();
    latency.callback([&] { measure_latency(all.latency); });

    auto& hops = *app.add_subcommand("hops", "Events from commit to commit at a steady rate");
    add_order(hops, all.hops);
    add_data_dir(hops, all.hops);
    hops.add_option("--rate", all.hops.rate_per_s, "Orders a second")->capture_default_str();
    hops.add_option("--seconds", all.hops.seconds)->capture_default_str();
    hops.callback([&] { measure_hops(all.hops); });
}

void add_process(CLI::App& app, AllOptions& all) {
    auto& memory = *app.add_subcommand("memory", "What is resident of a process");
    memory.add_option("--pid", all.pid)->required();
    memory.callback([&] { measure_memory(all.pid); });

    auto& start = *app.add_subcommand("start", "Until a new server is ready");
    start.add_option("--binary", all.start.binary, "bookstore")->required();
    start.add_option("--data-dir", all.start.data_dir)->required();
    start.add_option("--kill-after", all.start.kill_after_s, "s of orders, in one before it");
    start.callback([&] { measure_start(all.start); });

    auto& connections = *app.add_subcommand("connections", "Many open, few of them active");
    connections.add_option("--url", all.connections.url, "Of the server")->required();
    connections.add_option("--pid", all.connections.pid, "Of the server")->required();
    connections.add_option("--connections", all.connections.connections)->capture_default_str();
    connections.add_option("--active", all.connections.active)->capture_default_str();
    connections.add_option("--seconds", all.connections.seconds)->capture_default_str();
    connections.add_option("--target", all.connections.target)->capture_default_str();
    connections.callback([&] { measure_connections(all.connections); });
}

void add_upkeep(CLI::App& app, AllOptions& all) {
    auto& drain = *app.add_subcommand("drain", "Waits until a context has caught up");
    add_data_dir(drain, all.drain);
    drain.add_option("--context", all.drain.context)->required();
    drain.callback([&] { measure_drain(all.drain); });

    auto& quiet = *app.add_subcommand("quiet", "Waits until no event has come for a second");
    quiet.add_option("--data-dir", all.data_dir, "Of the server")->required();
    quiet.callback([&] { wait_until_quiet(all.data_dir); });

    auto& rebuilt = *app.add_subcommand("rebuild", "Rebuilds a read model under readers");
    rebuilt.add_option("--url", all.rebuild.url, "Of the server")->required();
    rebuilt.add_option("--read-model", all.rebuild.read_model)->capture_default_str();
    rebuilt.add_option("--target", all.rebuild.target, "What is read")->capture_default_str();
    rebuilt.add_option("--before", all.rebuild.before_s, "s of reading before")
        ->capture_default_str();
    rebuilt.callback([&] { measure_rebuild(all.rebuild); });

    auto& disk = *app.add_subcommand("disk", "Bytes an order, by file and by table");
    add_data_dir(disk, all.disk);
    disk.add_option("--orders", all.disk.orders, "In it")->required()->check(CLI::PositiveNumber);
    disk.callback([&] { measure_disk(all.disk); });

    auto& report = *app.add_subcommand("report", "Figures against their goals, in Markdown");
    report.add_option("--results", all.report.results, "What scripts/bench collected")->required();
    report.add_option("--document", all.report.document, "Whose marked sections are replaced");
    report.add_option("--data-dir", all.report.data_dir, "Where the plots' data go");
    report.callback([&] { write_report(all.report); });
}

}  // namespace

int main(int argc, char** argv) {
    AllOptions all;
    CLI::App app("Makes data directories of any size, and measures servers on them");
    app.require_subcommand(1);
    add_fill(app, all.data_dir, all.size);
    add_pages(app, all.pages);
    add_flow(app, all);
    add_process(app, all);
    add_upkeep(app, all);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bookstore-bench: {}\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
