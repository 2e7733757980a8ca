#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "story.hpp"
#include "support/invariants.hpp"
#include "support/sqlite_reader.hpp"
#include "support/text_file.hpp"

// What scripts/bench measures with: each tool on the real binary, by what it did, not by how long
// that took; and the report, which must not lose what was written by hand.

using namespace bookstore::test;

namespace {

namespace fs = std::filesystem;

Finished run_tool(const std::string& program, std::vector<std::string> words) {
    words.insert(words.begin(), program);
    return run_program(words);
}

/// The figures that a subcommand of bookstore-bench printed.
class Figures {
  public:
    explicit Figures(const std::vector<std::string>& words) : done_(run_tool(BENCH_BINARY, words)) {
        REQUIRE_MESSAGE(done_.status == 0, done_.error);
        std::istringstream lines(done_.out);
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with('+')) {
                continue;  // a point of a curve
            }
            const auto tab = line.find('\t');
            REQUIRE_MESSAGE(tab != std::string::npos, line);
            values_[line.substr(0, tab)] = std::stod(line.substr(tab + 1));
        }
    }
    double of(const std::string& name) const {
        REQUIRE_MESSAGE(values_.contains(name), name << " is missing in " << done_.out);
        return values_.at(name);
    }

  private:
    Finished done_;
    std::map<std::string, double> values_;
};

/// A server with a customer and a book that has stock for everybody.
struct Shop {
    TemporaryDirectory directory;
    BookstoreProcess process{directory.path()};

    Shop() {
        process.wait_until_ready();
        REQUIRE(process.post("/customers", R"({"customerName":"Kim"})").status == 201);
        REQUIRE(process.post("/books", R"({"bookName":"DDD","stock":100000})").status == 201);
    }
    std::vector<std::string> words(std::vector<std::string> words) const {
        words.insert(words.end(), {"--url", process.url()});
        return words;
    }
};

void fill(const std::string& path, const std::string& orders) {
    const auto done = run_tool(
        BENCH_BINARY,
        {"fill", "--data-dir", path, "--orders", orders, "--customers", "10", "--books", "10"}
    );
    REQUIRE_MESSAGE(done.status == 0, done.error);
}

void stop(BookstoreProcess& process) {
    process.signal(SIGTERM);
    REQUIRE(process.wait() == 0);
}

}  // namespace

TEST_CASE("the ceiling does the whole choreography: the program goes on with what it left") {
    TemporaryDirectory directory;
    fill(directory.path(), "20");
    const auto done = run_tool(
        CEILING_BINARY, {"--data-dir", directory.path(), "--orders", "150", "--batch", "64"}
    );
    REQUIRE_MESSAGE(done.status == 0, done.error);
    CHECK(done.out.starts_with("ceiling.settled_per_s\t"));
    {
        BookstoreProcess process(directory.path());
        process.wait_until_ready();
        CHECK(process.get("/orders/170").body.find("\"Shipped\"") != std::string::npos);
        CHECK(process.get("/orders/171").status == 404);
        stop(process);
    }
    for (const std::string& violated : violated_invariants(directory.path())) {
        FAIL_CHECK(violated);
    }
}

TEST_CASE("settle ends when every order is shipped, paid and in both read models") {
    Shop shop;
    const Figures figures(shop.words(
        {"settle", "--data-dir", shop.directory.path(), "--orders", "300", "--connections", "16"}
    ));
    CHECK(figures.of("orders") == 300);
    CHECK(figures.of("settled_per_s") > 0);
    CHECK(figures.of("placed_per_s") >= figures.of("settled_per_s"));
    const auto last = shop.process.get("/myPages/300").body;
    CHECK(last.find("\"orderStatus\":\"Shipped\"") != std::string::npos);
    CHECK(last.find("PAYMENT_COMPLETED") != std::string::npos);
    CHECK(shop.process.get("/paymentHistories/300").status == 200);
    CHECK(shop.process.get("/orders/301").status == 404);
}

TEST_CASE("latency, hops and connections ask for what they say") {
    Shop shop;
    const Figures latency(shop.words({"latency", "--orders", "5"}));
    CHECK(latency.of("shipped_ms") >= latency.of("created_ms"));
    CHECK(shop.process.get("/orders/5").body.find("\"Shipped\"") != std::string::npos);

    const Figures hops(shop.words(
        {"hops", "--data-dir", shop.directory.path(), "--rate", "100", "--seconds", "0.5"}
    ));
    CHECK(hops.of("hop_p99_ms") >= hops.of("hop_ms"));
    CHECK(hops.of("ordered_payment_ms") > 0);
    CHECK(shop.process.get("/orders/55").status == 200);  // 50 at that rate
    CHECK(shop.process.get("/orders/56").status == 404);

    const Figures connections(shop.words(
        {"connections",
         "--pid",
         std::to_string(shop.process.pid()),
         "--connections",
         "200",
         "--active",
         "10",
         "--seconds",
         "0.2"}
    ));
    CHECK(connections.of("get_per_s") > 0);
    CHECK(connections.of("get_p99_ms") >= connections.of("get_ms"));
    CHECK(connections.of("idle_kib") < 1024);
}

TEST_CASE("start measures a server after one that was killed among orders") {
    TemporaryDirectory directory;
    fill(directory.path(), "20");
    const Figures start(
        {"start", "--binary", binary(), "--data-dir", directory.path(), "--kill-after", "0.3"}
    );
    CHECK(start.of("ready_ms") >= start.of("listens_ms"));
    CHECK(start.of("killed_orders") > 0);
}

TEST_CASE("drain waits until a context that was stopped has handled what it missed") {
    TemporaryDirectory directory;
    fill(directory.path(), "20");
    {
        BookstoreProcess process(directory.path(), {"--stopped", "delivery"});
        Figures(
            {"settle",
             "--no-wait",
             "--url",
             process.url(),
             "--data-dir",
             directory.path(),
             "--orders",
             "100"}
        );
        Figures({"quiet", "--data-dir", directory.path()});
        CHECK(process.get("/orders/120").body.find("Delivery_Prepared") != std::string::npos);
        stop(process);
    }
    BookstoreProcess process(directory.path());
    const Figures drain({"drain", "--data-dir", directory.path(), "--context", "delivery"});
    CHECK(drain.of("behind") >= 0);  // it may have caught up before anybody looked
    CHECK(process.get("/deliveries/120").body.find("\"Shipped\"") != std::string::npos);
    const auto refused =
        run_tool(BENCH_BINARY, {"drain", "--data-dir", directory.path(), "--context", "van"});
    CHECK(refused.status != 0);
    CHECK(refused.error.find("no context handles events as van") != std::string::npos);
}

TEST_CASE("rebuild waits for its end while readers ask, and disk adds up to the files") {
    Shop shop;
    Figures(shop.words({"settle", "--data-dir", shop.directory.path(), "--orders", "200"}));
    const Figures rebuilt(shop.words({"rebuild", "--target", "/myPages/1", "--before", "0.2"}));
    CHECK(rebuilt.of("rebuild_s") > 0);
    CHECK(rebuilt.of("before_p99_ms") > 0);
    CHECK(shop.process.get("/rebuilds/my-page").body.find("\"done\"") != std::string::npos);

    stop(shop.process);
    double bytes = 0;
    for (const auto& entry : fs::directory_iterator(shop.directory.path())) {
        bytes += static_cast<double>(entry.file_size());
    }
    const Figures disk({"disk", "--data-dir", shop.directory.path(), "--orders", "200"});
    CHECK(disk.of("bytes") == doctest::Approx(bytes / 200).epsilon(0.001));
    CHECK(disk.of("bytes/topic/event") > 0);
    CHECK(disk.of("bytes/order/orders") > 0);
}

TEST_CASE("the report replaces what stands between its markers and nothing else") {
    TemporaryDirectory directory;
    const std::string results = directory.path() + "/results.tsv";
    const std::string document = directory.path() + "/document.md";
    fs::create_directories(directory.path());
    std::ofstream(results) << "machine\tsome cores\n"
                              "command\twrk -t1\n"
                              "figure\tsmall\t1\tget.per_s\t90\n"
                              "figure\tsmall\t1\tget.bare_per_s\t100\n"
                              "figure\tsmall\t2\tget.per_s\t160\n"
                              "figure\tsmall\t2\tget.bare_per_s\t200\n"
                              "figure\tsmall\t3\tget.per_s\t100\n"
                              "figure\tsmall\t3\tget.bare_per_s\t100\n"
                              "figure\tlarge\t1\tget.per_s\t50\n"
                              "figure\tsmall\t1\tpost.lag_events\t12345\n"
                              "figure\tsmall\t1\tlatency.shipped_ms\t9\n"
                              "figure\tsmall\t1\tlatency.fsync_ms\t1\n";
    std::string text = "by hand, above\n";
    for (const char* name : {"machine", "figures", "growth", "log", "disk", "commands"}) {
        text += std::string("<!-- bench:") + name + " -->\nold\n<!-- /bench:" + name + " -->\n";
        text += std::string("by hand, behind ") + name + "\n";
    }
    std::ofstream(document) << text;
    const std::vector<std::string> words{"report", "--results", results, "--document", document};
    const auto done = run_tool(BENCH_BINARY, words);
    REQUIRE_MESSAGE(done.status == 0, done.error);
    const std::string written = text_of_file(document);
    CHECK(written.find("old") == std::string::npos);
    CHECK(written.starts_with("by hand, above\n"));
    for (const char* name : {"machine", "figures", "growth", "log", "disk", "commands"}) {
        CHECK(written.find(std::string("\nby hand, behind ") + name + "\n") != std::string::npos);
    }
    const auto says = [&](const std::string& line) {
        CHECK_MESSAGE(written.find(line + "\n") != std::string::npos, line << "\n in " << written);
    };
    says("| GET /orders/{id} over bare Beast | >= 0.90 | 0.90 | 0.80 to 1.00 | 3 | met |");
    says("| ... lag at the end |  | 12,345 events | 12,345 to 12,345 | 1 |  |");
    says("| POST to Shipped, p50 | <= 8.00 | 9.00 fsyncs | 9.00 to 9.00 | 1 | **missed** |");
    says("| POST /orders for 1 s over bare Beast | >= 0.60 | not measured | | | |");
    says("| GET a second | 100 | 50.0 | 2.00 | **missed** |");
    says("    wrk -t1");

    const auto again = run_tool(BENCH_BINARY, words);
    REQUIRE(again.status == 0);
    CHECK(text_of_file(document) == written);

    std::ofstream(document) << "no markers\n";
    const auto refused = run_tool(BENCH_BINARY, words);
    CHECK(refused.status != 0);
    CHECK(refused.error.find("bench:machine") != std::string::npos);
    CHECK(text_of_file(document) == "no markers\n");
}
