#include "flow.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "clients.hpp"
#include "figures.hpp"
#include "keep_alive.hpp"
#include "progress.hpp"

namespace bookstore::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Ms = std::chrono::duration<double, std::milli>;

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

constexpr std::chrono::milliseconds between_orders(20);  ///< a client's rest, in measure_latency

/// Writes a frame of a WAL at a time, each synced, after that much rest; where the file already is,
/// or behind its end.
std::vector<double> sync_times(
    const std::string& path, int writes, bool grows, std::chrono::milliseconds rest = {}
) {
    constexpr std::size_t frame = 4096 + 24;
    const std::string bytes(frame, 'x');
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail("cannot write " + path);
    }
    const std::unique_ptr<const int, void (*)(const int*)> owner(&fd, [](const int* open) {
        ::close(*open);
    });
    const auto put = [&](int i) {
        const auto at = static_cast<off_t>(frame) * i;
        if (::pwrite(fd, bytes.data(), frame, at) != static_cast<ssize_t>(frame)) {
            fail("cannot write " + path);
        }
    };
    for (int i = 0; !grows && i < writes; ++i) {
        put(i);
    }
    ::fsync(fd);
    std::vector<double> times;
    for (int i = 0; i < writes; ++i) {
        std::this_thread::sleep_for(rest);
        const auto start = Clock::now();
        put(i);
        if (::fdatasync(fd) != 0) {
            fail("cannot sync " + path);
        }
        times.push_back(Ms(Clock::now() - start).count());
    }
    ::unlink(path.c_str());
    return times;
}

/// The count of transactions in a WAL's index: three 32 bit words into the -shm file
/// (sqlite.org/walformat.html).
class CommitCount {
  public:
    CommitCount(const std::string& data_dir, const std::string& name) {
        const std::string path = data_dir + "/" + name + ".db-shm";
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            fail("cannot read " + path);
        }
        memory_ = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
        ::close(fd);
        if (memory_ == MAP_FAILED) {
            fail("cannot map " + path);
        }
    }
    ~CommitCount() { ::munmap(memory_, size); }
    CommitCount(const CommitCount&) = delete;
    CommitCount& operator=(const CommitCount&) = delete;

    std::uint32_t now() const {
        const auto* words = static_cast<volatile const std::uint32_t*>(memory_);
        return words[2];
    }

  private:
    static constexpr std::size_t size = 4096;
    void* memory_ = nullptr;
};

/// A number that only grows, each step a commit's: when was it first seen at each value?
class Milestones {
  public:
    Milestones(const std::string& data_dir, const std::string& name, const storage::Sql& sql)
        : commits_(data_dir, name), db_(opened(data_dir, name)), sql_(sql), first_(value()) {}

    void look() {
        const std::uint32_t commits = commits_.now();
        if (commits == seen_) {
            return;
        }
        seen_ = commits;
        const std::int64_t reached = value() - first_;
        const auto now = Clock::now();
        while (static_cast<std::int64_t>(times_.size()) < reached) {
            times_.push_back(now);
        }
    }
    const std::vector<Clock::time_point>& times() const { return times_; }

  private:
    std::int64_t value() {
        auto row = db_.prepare(sql_);
        return row.step() ? row.integer(0) : 0;
    }

    CommitCount commits_;
    storage::Connection db_;
    const storage::Sql& sql_;
    std::int64_t first_;
    std::uint32_t seen_ = 0;
    std::vector<Clock::time_point> times_;
};

const storage::Sql newest_order{"order", "SELECT max(id) FROM orders"};
const storage::Sql newest_deliverable{"inventory", "SELECT max(id) FROM deliverable"};
const storage::Sql newest_payment{"payment", "SELECT max(id) FROM payment"};
const storage::Sql newest_shipped{
    "delivery", "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"
};

/// One event each, in the same order on both sides.
std::vector<double> hops(const Milestones& from, const Milestones& to) {
    std::vector<double> times;
    for (std::size_t i = 0; i < std::min(from.times().size(), to.times().size()); ++i) {
        times.push_back(Ms(to.times()[i] - from.times()[i]).count());
    }
    return times;
}

}  // namespace

void measure_sync(const SyncOptions& options) {
    const std::string path = options.directory + "/sync-meter";
    auto times = sync_times(path, options.writes, false);
    print_figure("fsync_ms", percentile(times, 0.5));
    print_figure("fsync_p99_ms", percentile(times, 0.99));
    auto growing = sync_times(path, options.writes, true);
    print_figure("fsync_grow_ms", percentile(growing, 0.5));
    auto rested = sync_times(path, std::min(options.writes, 100), false, between_orders);
    print_figure("fsync_rested_ms", percentile(rested, 0.5));
}

void measure_latency(const LatencyOptions& options) {
    constexpr auto rest = std::chrono::microseconds(100);
    prctl(PR_SET_TIMERSLACK, 1UL);
    KeepAlive connection(options.url);
    const std::string order = fmt::format(
        R"({{"bookId":{},"customerId":{},"quantity":1,"deliveryAddress":"busan si",)"
        R"("payAmount":1000.0,"payType":"ONCE"}})",
        options.book,
        options.customer
    );
    std::vector<double> created;
    std::vector<double> shipped;
    for (int i = 0; i < options.orders; ++i) {
        const auto start = Clock::now();
        const auto answer = connection.post("/orders", order);
        const std::size_t at = answer.header.find("/orders/");
        if (answer.status != 201 || at == std::string::npos) {
            throw std::runtime_error("not created: " + answer.body);
        }
        created.push_back(answer.ms);
        const std::string target = answer.header.substr(at, answer.header.find('\r', at) - at);
        while (connection.get(target).body.find("\"Shipped\"") == std::string::npos) {
            if (Ms(Clock::now() - start).count() > 30'000) {
                throw std::runtime_error(target + " was not shipped within 30 s");
            }
            std::this_thread::sleep_for(rest);
        }
        shipped.push_back(Ms(Clock::now() - start).count());
        std::this_thread::sleep_for(between_orders);  // idle again
    }
    print_figure("created_ms", percentile(created, 0.5));
    print_figure("shipped_ms", percentile(shipped, 0.5));
    print_figure("shipped_p99_ms", percentile(shipped, 0.99));
}

void measure_hops(const HopOptions& options) {
    Milestones order(options.data_dir, "order", newest_order);
    Milestones inventory(options.data_dir, "inventory", newest_deliverable);
    Milestones payment(options.data_dir, "payment", newest_payment);
    Milestones delivery(options.data_dir, "delivery", newest_shipped);
    std::atomic<bool> ends{false};
    std::jthread looking([&] {
        prctl(PR_SET_TIMERSLACK, 1UL);
        while (!ends.load(std::memory_order_relaxed)) {
            for (Milestones* each : {&order, &inventory, &payment, &delivery}) {
                each->look();
            }
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
    });
    Clients clients(options.url, 64);
    auto answered = clients.ask(
        {.request = order_request(options.customer, options.book),
         .status = 201,
         .active = 64,
         .seconds = options.seconds,
         .rate_per_s = options.rate_per_s}
    );
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the last ones' events
    ends = true;
    looking.join();
    std::vector<double> all;
    const auto add = [&all](std::string_view name, std::vector<double> times) {
        all.insert(all.end(), times.begin(), times.end());
        print_figure(name, percentile(times, 0.5));
    };
    add("ordered_inventory_ms", hops(order, inventory));
    add("ordered_payment_ms", hops(order, payment));
    add("prepared_delivery_ms", hops(inventory, delivery));
    if (all.size() < static_cast<std::size_t>(answered.count)) {
        throw std::runtime_error("the events were not handled");
    }
    print_figure("hop_ms", percentile(all, 0.5));
    print_figure("hop_p99_ms", percentile(all, 0.99));
    print_figure("orders_per_s", static_cast<double>(answered.count) / answered.seconds);
    print_figure("post_ms", percentile(answered.ms, 0.5));
    print_figure("post_p99_ms", percentile(answered.ms, 0.99));
}

}  // namespace bookstore::bench
