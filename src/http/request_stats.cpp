#include "http/request_stats.hpp"

#include <algorithm>

namespace bookstore::http {

Latencies& RequestStats::durations_of(Method method, std::uint32_t route, int status) {
    std::atomic<Cell*>* place = &first_[route < most_routes ? route : 0];
    while (Cell* cell = place->load(std::memory_order_relaxed)) {
        if (cell->status == status && cell->method == method) {
            return cell->durations;
        }
        place = &cell->next;
    }
    Cell& cell = cells_.emplace_back(method, status);
    place->store(&cell, std::memory_order_release);
    return cell.durations;
}

void RequestStats::answered(
    Method method, std::uint32_t route, int status, std::chrono::nanoseconds duration
) {
    durations_of(method, route, status).add(duration);
}

void RequestStats::collect(ServerStats& into) const {
    const std::uint64_t ended = ended_.value();
    into.in_flight += std::max(began_.value(), ended) - ended;
    for (std::uint32_t route = 0; route < most_routes; ++route) {
        const Cell* cell = first_[route].load(std::memory_order_acquire);
        for (; cell != nullptr; cell = cell->next.load(std::memory_order_acquire)) {
            const auto counts = cell->durations.counts();
            const auto same = std::ranges::find_if(into.requests, [&](const RequestCount& count) {
                return count.route == route && count.method == cell->method &&
                       count.status == cell->status;
            });
            if (same != into.requests.end()) {
                same->durations.add(counts);
            } else {
                into.requests.push_back({cell->method, route, cell->status, counts});
            }
        }
    }
}

}  // namespace bookstore::http
