#include "base/metrics.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

#include "http/request_stats.hpp"
#include "observe/exposition.hpp"
#include "observe/process_stats.hpp"
#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::uint64_t, 3> small_bounds{1, 10, 100};

struct CountedFixture : BusFixture {
    CountedFixture() { given_modules("shop depot"); }
    const bus::SubscriptionStats& stats() { return subscription("listener").stats(); }
};

/// The requests that were counted with that status.
std::uint64_t answered(const http::ServerStats& stats, int status) {
    std::uint64_t count = 0;
    for (const http::RequestCount& one : stats.requests) {
        count += one.status == status ? one.durations.count() : 0;
    }
    return count;
}

}  // namespace

TEST_CASE("a histogram's bucket takes its bound, the last takes what is beyond") {
    Histogram<small_bounds> histogram;
    for (const std::uint64_t value : {0, 1, 2, 10, 11, 100, 101, 5000}) {
        histogram.add(value);
    }
    const HistogramCounts counts = histogram.counts();
    CHECK(counts.buckets == std::vector<std::uint64_t>{2, 2, 2, 2});
    CHECK(counts.count() == 8);
    CHECK(counts.sum == 5225);
}

TEST_CASE("durations are shown in seconds, and none is negative") {
    Latencies latencies;
    latencies.add(2ms);
    latencies.add(-1ns);
    observe::Exposition out;
    out.histogram("wait_seconds", "Waiting.");
    out.sample({{"of", "me"}}, latencies.counts());
    const std::string text = out.take();
    CHECK(text.starts_with("# HELP wait_seconds Waiting.\n# TYPE wait_seconds histogram\n"));
    CHECK(text.find("wait_seconds_bucket{of=\"me\",le=\"0.001\"} 1\n") != text.npos);
    CHECK(text.find("wait_seconds_bucket{of=\"me\",le=\"0.0025\"} 2\n") != text.npos);
    CHECK(text.find("wait_seconds_bucket{of=\"me\",le=\"+Inf\"} 2\n") != text.npos);
    CHECK(text.find("wait_seconds_sum{of=\"me\"} 0.002\n") != text.npos);
    CHECK(text.ends_with("wait_seconds_count{of=\"me\"} 2\n"));
}

TEST_CASE("labels and help are escaped") {
    observe::Exposition out;
    out.gauge("odd", "a \"b\" \\ c\nd");
    out.sample({{"text", "a \"b\" \\ c\nd"}, {"korean", "책방"}}, 1);
    out.sample({}, 2.5);
    out.states({}, {"on", "off"}, "off");
    CHECK(
        out.take() ==
        "# HELP odd a \"b\" \\\\ c\\nd\n# TYPE odd gauge\n"
        "odd{text=\"a \\\"b\\\" \\\\ c\\nd\",korean=\"책방\"} 1\nodd 2.5\n"
        "odd{state=\"on\"} 0\nodd{state=\"off\"} 1\n"
    );
}

TEST_CASE("what one thread counts, another reads, without a step back") {
    http::RequestStats requests;
    constexpr int times = 20'000;
    std::jthread adds([&] {
        for (int i = 0; i < times; ++i) {
            requests.began();
            requests.answered(http::Method::get, i % 3, 200 + i % 7, 1us);
            requests.ended();
        }
    });
    std::uint64_t last = 0;
    while (last < times / 7) {
        http::ServerStats stats;
        requests.collect(stats);
        CHECK(answered(stats, 200) >= last);
        CHECK(stats.in_flight <= times);
        last = answered(stats, 200);
    }
    adds.join();
    http::ServerStats stats;
    requests.collect(stats);
    CHECK(stats.requests.size() == 21);
    CHECK(stats.in_flight == 0);
    std::uint64_t all = 0;
    for (int status = 200; status < 207; ++status) {
        all += answered(stats, status);
    }
    CHECK(all == times);
}

TEST_CASE("the counts of several threads are added, route by route") {
    http::RequestStats one;
    http::RequestStats other;
    one.answered(http::Method::get, 4, 200, 1ms);
    other.answered(http::Method::get, 4, 200, 1ms);
    other.answered(http::Method::head, 4, 200, 1ms);
    other.answered(http::Method::get, 100'000, 200, 1ms);  // counts as none
    one.answered(http::Method::get, 0, 200, 1ms);
    other.began();
    http::ServerStats stats;
    one.collect(stats);
    other.collect(stats);
    CHECK(stats.in_flight == 1);
    REQUIRE(stats.requests.size() == 3);
    for (const http::RequestCount& count : stats.requests) {
        CHECK(count.durations.count() == (count.method == http::Method::head ? 1 : 2));
    }
}

TEST_CASE_FIXTURE(CountedFixture, "events, failures and retries of a subscription are counted") {
    given_listener({.module = "depot", .name = "listener"});
    open();
    given_failing("b", 1 + 1 + 1);  // the batch, the event alone, its first retry
    published("shop", "1:a 2:b 3:c");
    settled_for_good();
    CHECK(effects("listener") == "1:a 3:c 2:b");
    CHECK(stats().events.value() == 3);
    CHECK(stats().failures.value() == 2);
    CHECK(stats().retries.value() == 2);
    CHECK(subscription("listener").lag() == 0);
    CHECK_FALSE(subscription("listener").waiting_since_ms());
    std::uint64_t runs = 0;
    for (const auto& [type, durations] : subscription("listener").handler_durations()) {
        runs += durations.count();
    }
    CHECK(runs >= 4);
}

TEST_CASE("the process knows itself") {
    const observe::ProcessStats stats = observe::process_stats();
    CHECK(stats.cpu_seconds > 0);
    CHECK(stats.threads >= 1);
    CHECK(stats.open_fds >= 3);
    CHECK(stats.max_fds >= stats.open_fds);
    CHECK(stats.resident_bytes > 1 << 20);
    CHECK(stats.virtual_bytes >= stats.resident_bytes);
    CHECK(stats.start_time_seconds > 1'500'000'000);
}

}  // namespace bookstore::test
