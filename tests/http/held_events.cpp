#include "held_events.hpp"

#include <doctest/doctest.h>

#include "support/broken_log.hpp"

namespace bookstore::test {

void given_held_events(Story& story, std::vector<std::string> flags) {
    story.stop();
    break_log(story.data_dir());
    flags.insert(flags.end(), {"--retry-attempts", "1"});
    story.start(std::move(flags));
    REQUIRE(eventually([&] {
        const auto held = story.get("/parked");
        return held.field("page.totalElements") == "4";
    }));
}

}  // namespace bookstore::test
