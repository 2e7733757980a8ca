#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "story.hpp"
#include "support/sqlite_reader.hpp"

using namespace bookstore::test;

namespace {

/// A file that nobody else gets open for as long as this lives: a lease of the kernel, which lets
/// an open() wait (at most /proc/sys/fs/lease-break-time, 45 s). Nothing where the file system has
/// none.
class Lease {
  public:
    explicit Lease(const std::string& path) {
        signal(SIGIO, SIG_IGN);  // it says that somebody waits
        file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        held_ = file_ >= 0 && fcntl(file_, F_SETLEASE, F_WRLCK) == 0;
    }
    ~Lease() { close(file_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    bool held() const { return held_; }
    /// Somebody wants to open the file, and does not get it.
    bool awaited() const { return fcntl(file_, F_GETLEASE) != F_WRLCK; }
    void give_back() const { fcntl(file_, F_SETLEASE, F_UNLCK); }

  private:
    int file_ = -1;
    bool held_ = false;
};

Answer get(BookstoreProcess& process, const std::string& target) {
    const auto got = process.get(target);
    return {got.status, got.headers, got.body};
}

std::string refusal_fault(const Answer& answer, const std::string& path) {
    const std::string fault = error_fault(answer, 503, path);
    if (!fault.empty()) {
        return fault;
    }
    return answer.header("Retry-After").empty() ? "no Retry-After" : "";
}

}  // namespace

TEST_CASE("while its files are opened and migrated it is healthy, and not ready") {
    const TemporaryDirectory directory;
    // The file of the context that is opened last: the others are open and migrated by then.
    const Lease van(directory.path() + "/van.db");
    if (!van.held()) {
        MESSAGE("this file system has no leases: not tested");
        return;
    }
    BookstoreProcess process(directory.path(), {}, BookstoreProcess::Until::listening);
    REQUIRE(eventually([&] { return van.awaited(); }));

    CHECK(process.get("/isHealthy").status == 200);
    for (const std::string path : {"/isReady", "/orders", "/actuator/health", "/nothing"}) {
        CAPTURE(path);
        const Answer answer = get(process, path);
        CHECK(refusal_fault(answer, path) == "");
        CHECK(answer.field("message").find("the process is starting") != std::string::npos);
    }
    const auto order = process.post("/orders", R"({"bookId":1,"customerId":1,"quantity":1})");
    CHECK(order.status == 503);
    const auto asked = run_bookstore({"healthcheck", "--url", process.url()});
    CHECK(asked.status == 0);

    van.give_back();

    CHECK(eventually([&] { return process.get("/isReady").status == 200; }));
    CHECK(process.get("/isHealthy").status == 200);
    CHECK(process.get("/requestPayment?payment=5").body == "PAYMENT_COMPLETED");
    CHECK(get(process, "/orders").field("page.totalElements") == "0");
}

TEST_CASE("a signal while its files are opened ends it, and the next start goes on from there") {
    for (const int number : {SIGTERM, SIGINT}) {
        const TemporaryDirectory directory;
        const Lease van(directory.path() + "/van.db");
        if (!van.held()) {
            MESSAGE("this file system has no leases: not tested");
            return;
        }
        const TemporaryDirectory place;
        const std::string socket = place.path() + "/operators.sock";
        BookstoreProcess first(
            directory.path(),
            {"--operator-listen", "unix:" + socket},
            BookstoreProcess::Until::listening
        );
        REQUIRE(eventually([&] { return van.awaited(); }));
        REQUIRE(std::filesystem::exists(socket));
        first.signal(number);
        CHECK(first.wait() == 0);
        CHECK_FALSE(std::filesystem::exists(socket));

        van.give_back();
        BookstoreProcess second(directory.path());
        second.wait_until_ready();
        CHECK(second.get("/requestPayment?payment=5").body == "PAYMENT_COMPLETED");
    }
}

TEST_CASE("while a context reads what it missed the process is healthy, and not ready") {
    Story story({"--stopped", "delivery"});
    story.given_customer();
    story.given_book(5);
    const auto order = story.place_order(1, 1);
    REQUIRE(story.published("DeliveryPrepared", 1));
    story.stop();
    // Nobody writes delivery's file meanwhile; its context waits for it, 5 s a time.
    Sqlite delivery(story.data_dir() + "/delivery.db", Sqlite::Mode::write);
    delivery.run("BEGIN IMMEDIATE");
    BookstoreProcess process(story.data_dir());

    const Answer ready = get(process, "/isReady");
    CHECK(refusal_fault(ready, "/isReady") == "");
    CHECK(ready.field("message") == "a context is starting: it reads the events it missed");
    const int healthy = process.get("/isHealthy").status;
    // Had this test come that late, the storage would rightly have counted as ill.
    CHECK((healthy == 200 || process.log().find("delivery.db: ") != std::string::npos));
    CHECK(process.get("/actuator/health").status == 503);
    CHECK(get(process, "/actuator/health/delivery").field("status") == "DOWN");
    // The others come to the end of what they missed.
    CHECK(eventually([&] { return get(process, "/actuator/health/order").field("status") == "UP"; })
    );
    CHECK(get(process, "/orders/1").status == 200);
    const auto courier =
        process.send(Method::patch, "/deliveries/1", R"({"deliveryStatus":"Delivered"})");
    CHECK(refusal_fault({courier.status, courier.headers, courier.body}, "/deliveries/1") == "");
    CHECK(process.get("/isReady").status == 503);

    delivery.run("ROLLBACK");

    CHECK(eventually([&] { return process.get("/isReady").status == 200; }));
    CHECK(eventually([&] { return process.get("/isHealthy").status == 200; }));
    process.signal(SIGTERM);
    CHECK(process.wait() == 0);
    story.start();
    CHECK(story.order_becomes(order, "Shipped"));
    CHECK(story.ends_with() == "");
}
