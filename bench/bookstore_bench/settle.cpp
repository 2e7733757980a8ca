#include "settle.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <stdexcept>
#include <thread>
#include <utility>

#include "clients.hpp"
#include "figures.hpp"
#include "progress.hpp"

namespace bookstore::bench {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

void settle(const SettleOptions& options) {
    constexpr double patience_s = 600;
    Progress progress(options.data_dir);
    const std::int64_t before = options.orders > 0 ? progress.orders() : 0;
    const std::int64_t settled_before = options.orders > 0 ? before : progress.settled_up_to(0);
    const auto start = Clock::now();
    if (options.orders > 0) {
        Clients clients(options.url, options.connections);
        clients.ask(
            {.request = order_request(options.customer, options.book),
             .status = 201,
             .active = options.connections,
             .count = options.orders}
        );
    }
    const double placed_s = since(start);
    if (!options.waits) {
        print_figure("placed_per_s", static_cast<double>(options.orders) / placed_s);
        return;
    }
    const std::int64_t orders = progress.orders();
    const auto waiting = Clock::now();
    const std::int64_t lag = progress.lag_events();
    while (!progress.all_settled(settled_before, orders)) {
        if (since(waiting) > patience_s) {
            throw std::runtime_error("not settled within 600 s");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const double total_s = since(start);
    print_figure("lag_events", static_cast<double>(lag));
    print_figure("drain_s", since(waiting));
    if (options.orders > 0) {
        const auto count = static_cast<double>(orders - before);
        print_figure("orders", count);
        print_figure("placed_per_s", count / placed_s);
        print_figure("settled_per_s", count / total_s);
    }
}

void watch(const WatchOptions& options) {
    Progress progress(options.data_dir);
    const auto start = Clock::now();
    std::deque<std::pair<double, std::int64_t>> looks;  // when, and the newest order then
    double unsettled_most = 0;
    const double steady_from = std::min(10.0, options.seconds / 2);
    std::int64_t placed = progress.orders();
    std::int64_t settled = progress.settled_up_to(0);
    std::int64_t first = placed;
    std::int64_t first_settled = settled;
    double counted_from = 0;
    double lag_most = 0;
    double last = 0;
    for (std::int64_t look = 1; last < options.seconds; ++look) {
        std::this_thread::sleep_until(start + std::chrono::milliseconds(look * options.every_ms));
        const double lag = progress.lag_seconds();
        const std::int64_t placed_now = progress.orders();
        const std::int64_t settled_now = progress.settled_up_to(settled);
        const double now = since(start);
        lag_most = std::max(lag_most, lag);
        looks.emplace_back(now, placed_now);
        while (!looks.empty() && looks.front().second <= settled_now) {
            looks.pop_front();
        }
        if (!looks.empty()) {
            unsettled_most = std::max(unsettled_most, now - looks.front().first);
        }
        print_point("lag_s", now, lag);
        print_point("placed", now, static_cast<double>(placed_now - placed) / (now - last));
        print_point("settled", now, static_cast<double>(settled_now - settled) / (now - last));
        placed = placed_now;
        settled = settled_now;
        last = now;
        if (counted_from == 0 && now >= steady_from) {
            counted_from = now;
            first = placed;
            first_settled = settled;
        }
    }
    const double counted_s = last - counted_from;
    print_figure("placed_per_s", static_cast<double>(placed - first) / counted_s);
    print_figure("settled_per_s", static_cast<double>(settled - first_settled) / counted_s);
    print_figure("lag_max_s", lag_most);
    print_figure("unsettled_max_s", unsettled_most);
    print_figure("lag_end_events", static_cast<double>(progress.lag_events()));
}

}  // namespace bookstore::bench
