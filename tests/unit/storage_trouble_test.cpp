#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

#include "storage/trouble.hpp"

namespace bookstore::test {
namespace {

/// What is logged while it lives, a line each: "error relay: full".
class Logged {
  public:
    Logged() : before_(spdlog::default_logger()) {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(lines_);
        auto logger = std::make_shared<spdlog::logger>("test", std::move(sink));
        logger->set_pattern("%l %v");
        logger->set_level(spdlog::level::debug);
        spdlog::set_default_logger(std::move(logger));
    }
    ~Logged() { spdlog::set_default_logger(before_); }
    Logged(const Logged&) = delete;
    Logged& operator=(const Logged&) = delete;

    std::string take() {
        std::string lines = lines_.str();
        lines_.str("");
        return lines;
    }

  private:
    std::ostringstream lines_;
    std::shared_ptr<spdlog::logger> before_;
};

}  // namespace

TEST_CASE("trouble with the storage is an error in the log once until something succeeds") {
    Logged log;
    storage::StorageTrouble trouble("relay");
    CHECK(trouble.healthy());
    trouble.failed("the disk is full");
    CHECK_FALSE(trouble.healthy());
    trouble.failed("the disk is full");
    trouble.failed("disk I/O error", 0);
    CHECK(
        log.take() ==
        "error relay: the disk is full\ndebug relay: the disk is full\n"
        "debug relay: disk I/O error\n"
    );
    trouble.succeeded();
    CHECK(trouble.healthy());
    CHECK(log.take().empty());
    trouble.failed("the disk is full");
    CHECK(log.take() == "error relay: the disk is full\n");
}

TEST_CASE("after trouble with the storage there is a pause of 200 ms, and one attempt when it ends"
) {
    const Logged log;
    storage::StorageTrouble trouble("relay");
    CHECK(trouble.may_try(1000));
    CHECK_FALSE(trouble.retry_at_ms());
    trouble.failed("the disk is full", 1000);
    CHECK_FALSE(trouble.may_try(1000));
    CHECK_FALSE(trouble.may_try(1199));
    CHECK(trouble.pause_left_ms(1150) == 50);
    CHECK(trouble.pause_left_ms(1300) == 0);
    CHECK(trouble.retry_at_ms() == 1200);  // though it is over: nobody has tried since
    CHECK(trouble.may_try(1300));
    CHECK_FALSE(trouble.retry_at_ms());
    CHECK(trouble.may_try(1300));
}

TEST_CASE("a pause from trouble with the storage goes on though other work succeeds") {
    const Logged log;
    storage::StorageTrouble trouble("task");
    trouble.failed("the disk is full", 1000);
    trouble.succeeded();
    CHECK(trouble.healthy());
    CHECK_FALSE(trouble.may_try(1100));
    CHECK(trouble.may_try(1200));
}

TEST_CASE("a pause without an error is no trouble, and a later one counts from its own time") {
    storage::StorageTrouble trouble("task");
    trouble.pause(1000);
    CHECK(trouble.healthy());
    trouble.pause(1100);
    CHECK_FALSE(trouble.may_try(1299));
    CHECK(trouble.may_try(1300));
}

}  // namespace bookstore::test
