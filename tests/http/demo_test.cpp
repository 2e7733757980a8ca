#include <doctest/doctest.h>

#include <algorithm>

#include "story.hpp"

using namespace bookstore::test;

TEST_CASE("the demo plays the shop through the API, a line an action") {
    Story story;
    const auto done =
        run_bookstore({"demo", "--url", story.process().url(), "--rate", "1000", "--actions", "150"}
        );
    CHECK(done.status == 0);
    CHECK(done.error == "");
    CHECK(std::ranges::count(done.out, '\n') >= 140);
    for (const std::string who : {"customer ", "book manager ", "courier "}) {
        CAPTURE(who);
        CHECK(done.out.find(who) != std::string::npos);
    }
    CHECK(done.out.find(": 5") == std::string::npos);
    CHECK(story.of("/orders", "page.totalElements") != "0");
    CHECK(story.ends_with() == "");
}

TEST_CASE("healthcheck: its exit status says whether the server is well") {
    Story story;
    const std::string url = story.process().url();
    CHECK(run_bookstore({"healthcheck", "--url", url}).status == 0);
    REQUIRE(story.get("/makeZombie").status == 200);
    const auto zombie = run_bookstore({"healthcheck", "--url", url + "/"});
    CHECK(zombie.status == 1);
    CHECK(zombie.error.find("Zombie...") != std::string::npos);
    story.stop();
    const auto gone = run_bookstore({"healthcheck", "--url", url});
    CHECK(gone.status == 1);
    CHECK(gone.error.find("refused") != std::string::npos);
    for (const std::vector<std::string>& wrong :
         {std::vector<std::string>{"healthcheck", "--url", "nonsense"},
          {"demo", "--url", "nonsense"},
          {"demo", "--rate", "0"},
          {"demo", "--actions", "-1"}}) {
        CHECK(run_bookstore(wrong).status == 1);
    }
}
