#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <thread>

#include "kill/verdict.hpp"
#include "kill/workload.hpp"
#include "story.hpp"
#include "support/context_names.hpp"
#include "support/small_disk.hpp"
#include "support/sqlite_reader.hpp"

// A disk that is filled and freed under load.

using namespace bookstore::test;

namespace {

/// A small disk, or a message that there is none.
class OnSmallDisk {
  public:
    explicit OnSmallDisk(const std::string& size) : disk_(directory_.path(), size) {
        if (!disk_.mounted()) {
            MESSAGE("this process may not mount a small disk: not tested");
        }
    }
    explicit operator bool() const { return disk_.mounted(); }
    const SmallDisk& disk() const { return disk_; }
    std::string data_dir() const { return directory_.path() + "/data"; }

  private:
    TemporaryDirectory directory_;
    SmallDisk disk_;
};

std::vector<std::string> flags() {
    auto flags = quick_van();
    flags.insert(flags.end(), {"--log-level", "warning"});
    return flags;
}

/// Clients who write, and one who reads what must always be there, for the life of a process.
class Load {
  public:
    Load(std::string url, Workload& workload, std::uint64_t seed) : url_(std::move(url)) {
        writers_ = std::jthread([this, &workload, seed] { workload.run(url_, seed, 4, over_); });
        reader_ = std::jthread([this] { read(); });
    }
    ~Load() { over_ = true; }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    std::int64_t reads() const { return reads_; }

  private:
    void read() {
        static const std::vector<std::string> targets{
            "/customers/1",
            "/books/1",
            "/orders?size=5",
            "/payments?size=5",
            "/deliveries?size=5",
            "/deliverables?size=5",
            "/myPages?size=5",
            "/paymentHistories?size=5",
            "/stockInputs?size=5",
            "/events?from=beginning&follow=false&type=Registered"
        };
        for (std::size_t i = 0; !over_; ++i) {
            try {
                const std::string& target = targets[i % targets.size()];
                const auto answer =
                    bookstore::http::fetch(Method::get, bookstore::http::parse_url(url_ + target));
                CAPTURE(target);
                CAPTURE(answer.body);
                CHECK(answer.status == 200);
                ++reads_;
            } catch (const std::system_error&) {
                return;  // killed
            }
        }
    }

    std::string url_;
    std::atomic<bool> over_ = false;
    std::atomic<std::int64_t> reads_ = 0;
    std::jthread writers_;
    std::jthread reader_;
};

/// A write's status; keyed, so that trying again makes nothing twice.
int status_of_write(BookstoreProcess& process) {
    return process.post("/customers", R"({"customerName":"probe"})").status;
}

std::int64_t held_events(const std::string& data_dir) {
    std::int64_t held = 0;
    for (const std::string& context : context_names) {
        Sqlite(data_dir + "/" + context + ".db")
            .rows("SELECT count(*) FROM held", [&](const Sqlite::Row& row) {
                held += std::stoll(row.text(0));
            });
    }
    return held;
}

/// What is left free while it is full: other files run into the end each time.
constexpr std::uintmax_t left_bytes[] = {0, 40'000, 600'000, 4096};

/// Until a write was refused, which may take a while: a WAL is written again from its begin.
void fill_for_a_while(
    const SmallDisk& disk, BookstoreProcess& process, const Workload& workload, std::uintmax_t left
) {
    const std::int64_t before = workload.refused();
    disk.fill(left);
    const auto refuses = [&] {
        disk.fill();
        const int status = status_of_write(process);
        CHECK((status == 201 || status == 503 || status == 507));
        return workload.refused() > before;
    };
    CHECK(eventually(refuses, std::chrono::seconds(120)));
    // The other contexts' turn.
    for (int i = 0; i < 20; ++i) {
        disk.fill();
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
}

}  // namespace

TEST_CASE("a disk that is filled and freed under load: nothing is lost, held or parked") {
    const OnSmallDisk small("256m");
    if (!small) {
        return;
    }
    Workload workload(Workload::Disk::may_be_full);
    auto process = std::make_unique<BookstoreProcess>(small.data_dir(), flags());
    CHECK(status_of_write(*process) == 201);
    CHECK(process->post("/books", R"({"bookName":"b","stock":10})").status == 201);
    std::int64_t reads = 0;
    std::string log;
    std::uint64_t seed = 1;
    for (const std::uintmax_t left : left_bytes) {
        Load load(process->url(), workload, seed);
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        fill_for_a_while(small.disk(), *process, workload, left);
        if (seed++ % 2 == 0) {
            log += process->log();
            process->kill();
            small.disk().make_room();
            process = std::make_unique<BookstoreProcess>(small.data_dir(), flags());
            continue;
        }
        const std::int64_t before = load.reads();
        CHECK(eventually([&] { return load.reads() > before + 10; }));  // it reads while it is full
        small.disk().make_room();
        CHECK(eventually([&] { return status_of_write(*process) == 201; }));
        CHECK(eventually([&] { return process->get("/isHealthy").status == 200; }));
        reads += load.reads();
    }
    CHECK(reads > 100);
    CHECK(eventually([&] { return at_rest({small.data_dir()}); }, std::chrono::seconds(60)));
    log += process->log();
    process->signal(15);
    CHECK(process->wait() == 0);
    CHECK(log.find(" it is held") == std::string::npos);
    CHECK(log.find(" it is parked") == std::string::npos);
    CHECK(held_events(small.data_dir()) == 0);
    CHECK(workload.promises().orders.size() > 20);
    MESSAGE(fmt::format(
        "{} answers, {} refused, {} orders, {} reads",
        workload.promises().answers,
        workload.promises().refused,
        workload.promises().orders.size(),
        reads
    ));
    CHECK(workload.promises().refused > 0);
    for (const std::string& fault : faults_in({small.data_dir()}, workload.promises())) {
        FAIL_CHECK(fault);
    }
}

TEST_CASE("a start on a full disk says so and changes nothing, at whatever file the room ends") {
    const OnSmallDisk small("16m");
    if (!small) {
        return;
    }
    const std::string old_dir = small.data_dir();
    const std::string new_dir = old_dir + ".new";
    const auto start = [](const std::string& data_dir) {
        BookstoreProcess process(data_dir);
        const int status = process.get("/customers/1").status;
        process.signal(15);
        CHECK(process.wait() == 0);
        return status;
    };
    {
        BookstoreProcess process(old_dir);
        REQUIRE(process.post("/customers", R"({"customerName":"kim"})").status == 201);
        process.signal(15);
        REQUIRE(process.wait() == 0);
    }
    int refused = 0;
    for (const std::uintmax_t left : {0, 4096, 40'000, 100'000, 200'000, 300'000, 400'000}) {
        CAPTURE(left);
        for (const std::string& data_dir : {old_dir, new_dir}) {
            small.disk().fill(left);
            try {
                start(data_dir);  // there was room enough for it
            } catch (const std::runtime_error& error) {
                const std::string what = error.what();
                CAPTURE(what);
                CHECK(what.find("the disk of the data directory") != std::string::npos);
                CHECK(what.find("make room on it and start again") != std::string::npos);
                ++refused;
            }
            small.disk().make_room();
        }
        CHECK(start(old_dir) == 200);
        CHECK(start(new_dir) == 404);
        std::filesystem::remove_all(new_dir);
    }
    CHECK(refused >= 8);
}
