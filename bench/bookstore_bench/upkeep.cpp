#include "upkeep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <chrono>
#include <exception>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

#include "clients.hpp"
#include "figures.hpp"
#include "http/client.hpp"
#include "progress.hpp"

namespace bookstore::bench {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Readers from a thread of their own, in slices, so that they can be told to end.
class Readers {
  public:
    explicit Readers(const RebuildOptions& options) : clients_(options.url, 8) {
        asking_.request = get_request(options.target);
        asking_.active = 8;
        asking_.rate_per_s = options.reads_per_s;
    }

    /// Reads until `ends` is set.
    std::vector<double> read(const std::atomic<bool>& ends) {
        asking_.seconds = 0.1;
        std::vector<double> ms;
        while (!ends) {
            const Answered answered = clients_.ask(asking_);
            ms.insert(ms.end(), answered.ms.begin(), answered.ms.end());
        }
        return ms;
    }
    std::vector<double> read(double seconds) {
        asking_.seconds = seconds;
        return clients_.ask(asking_).ms;
    }

  private:
    Clients clients_;
    Asking asking_;
};

/// Begins it and waits for its end.
void rebuild(const RebuildOptions& options) {
    const auto url = http::parse_url(options.url + "/rebuilds/" + options.read_model);
    const auto begun = http::fetch(http::Method::post, url);
    if (begun.status != 202) {
        throw std::runtime_error("the rebuild was refused: " + begun.body);
    }
    for (;;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        const auto progress = http::fetch(http::Method::get, url);
        const auto body = boost::json::parse(progress.body).as_object();
        if (body.at("state").as_string() == "done") {
            return;
        }
        if (body.at("state").as_string() != "building") {
            throw std::runtime_error("the rebuild failed: " + progress.body);
        }
    }
}

/// Where the last event stands that the context handles: a cursor that only passed foreign ones is
/// written once a second.
std::int64_t last_handled(const std::string& data_dir, const std::string& context) {
    static const std::map<std::string, std::string> types{
        {"customer", ""},
        {"inventory", "WHERE type IN ('Ordered', 'OrderCanceled')"},
        {"order", "WHERE type IN ('DeliveryPrepared', 'DeliveryStatusChanged')"},
        {"delivery", "WHERE type IN ('Ordered', 'DeliveryPrepared', 'OrderCanceled')"},
        {"payment", "WHERE type IN ('Ordered', 'OrderCanceled')"},
        {"payment_history", "WHERE type IN ('Payed', 'PaymentFailed', 'PaymentCanceled')"},
    };
    const auto found = types.find(context);
    if (found == types.end()) {
        throw std::runtime_error("no context handles events as " + context);
    }
    return opened(data_dir, "topic")
        .query_integer(
            "SELECT position FROM event " + found->second + " ORDER BY position DESC LIMIT 1"
        );
}

/// "order" of order.db, order.db-wal and order.db-shm.
std::string role_of(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    return name.substr(0, name.find('.'));
}

}  // namespace

void measure_drain(const DrainOptions& options) {
    constexpr double patience_s = 600;
    storage::Connection context = opened(options.data_dir, options.context);
    const std::int64_t end = last_handled(options.data_dir, options.context);
    const std::int64_t from = std::min(slowest_cursor_of(context), end);
    const auto start = Clock::now();
    double printed_s = -1;
    for (std::int64_t at = from; at < end; at = slowest_cursor_of(context)) {
        if (since(start) > patience_s) {
            throw std::runtime_error(options.context + " did not catch up within 600 s");
        }
        if (since(start) >= printed_s + 0.1) {
            printed_s = since(start);
            print_point("behind", printed_s, static_cast<double>(end - at));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    const double took = since(start);
    print_point("behind", took, 0);
    print_figure("behind", static_cast<double>(end - from));
    print_figure("drain_s", took);
    if (end > from) {
        print_figure("events_per_s", static_cast<double>(end - from) / took);
    }
}

void wait_until_quiet(const std::string& data_dir) {
    Progress progress(data_dir);
    std::int64_t before = -1;
    for (std::int64_t events = progress.events(); events != before; events = progress.events()) {
        before = events;
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
}

void measure_rebuild(const RebuildOptions& options) {
    Readers readers(options);
    auto before = readers.read(options.before_s);
    std::atomic<bool> ends{false};
    std::vector<double> during;
    std::exception_ptr failed;
    std::jthread reading([&] {
        try {
            during = readers.read(ends);
        } catch (...) {
            failed = std::current_exception();
        }
    });
    const auto start = Clock::now();
    try {
        rebuild(options);
    } catch (...) {
        ends = true;
        throw;
    }
    const double took = since(start);
    ends = true;
    reading.join();
    if (failed) {
        std::rethrow_exception(failed);
    }
    print_figure("rebuild_s", took);
    print_figure("before_ms", percentile(before, 0.5));
    print_figure("before_p99_ms", percentile(before, 0.99));
    print_figure("during_ms", percentile(during, 0.5));
    print_figure("during_p99_ms", percentile(during, 0.99));
}

void measure_disk(const DiskOptions& options) {
    namespace fs = std::filesystem;
    const auto orders = static_cast<double>(options.orders);
    std::map<std::string, double> roles;
    double all = 0;
    for (const auto& entry : fs::directory_iterator(options.data_dir)) {
        const auto size = static_cast<double>(entry.file_size());
        roles[role_of(entry.path())] += size;
        all += size;
    }
    print_figure("bytes", all / orders);
    for (const auto& [role, size] : roles) {
        if (size == 0) {
            continue;
        }
        print_figure("bytes/" + role, size / orders);
        if (!fs::exists(options.data_dir + "/" + role + ".db")) {
            continue;
        }
        storage::Connection db = opened(options.data_dir, role);
        const storage::Sql tables{
            role, "SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name ORDER BY bytes DESC"
        };
        const auto free = db.query_integer("PRAGMA freelist_count");
        const auto page = db.query_integer("PRAGMA page_size");
        print_figure("bytes/" + role + "/(free)", static_cast<double>(free * page) / orders);
        auto row = db.prepare(tables);
        while (row.step()) {
            const double bytes = static_cast<double>(row.integer(1)) / orders;
            if (bytes >= 0.5) {
                print_figure(fmt::format("bytes/{}/{}", role, row.text(0)), bytes);
            }
        }
    }
}

}  // namespace bookstore::bench
