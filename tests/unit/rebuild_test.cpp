#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support/listed_orders.hpp"
#include "support/memory_vfs.hpp"
#include "support/small_disk.hpp"

// A rebuild that has no room, that is canceled, and what it leaves behind.

namespace bookstore::test {
namespace {

using State = kernel::Rebuild::State;

/// On a small disk of its own, where it may be mounted.
struct OnSmallDisk {
    std::string path =
        (std::filesystem::temp_directory_path() / fmt::format("bookstore-rebuild-{}", getpid()))
            .string();
    SmallDisk disk{path, "64m"};
    OnSmallDisk() {
        if (!disk.mounted()) {
            MESSAGE("this process may not mount a small disk: not tested");
        }
    }
    ~OnSmallDisk() {
        umount2(path.c_str(), MNT_DETACH);
        std::filesystem::remove_all(path);
    }
    OnSmallDisk(const OnSmallDisk&) = delete;
    OnSmallDisk& operator=(const OnSmallDisk&) = delete;

    std::uintmax_t size(const std::string& file) const {
        return std::filesystem::file_size(path + "/" + file);
    }
};

void settle_with_time(ListedOrders& shop) {
    for (int i = 0; i < 100 && !shop.rebuild().at_rest(); ++i) {
        shop.settle();
        shop.clock.advance(1000);
    }
    REQUIRE(shop.rebuild().at_rest());
}

}  // namespace

TEST_CASE("a rebuild that has no room is refused, and says how much it needs") {
    const OnSmallDisk small;
    if (!small.disk.mounted()) {
        return;
    }
    ListedOrders shop({.data_dir = small.path});
    shop.append(20'000);
    shop.settle();
    small.disk.fill(1 << 20);
    const auto refusal = shop.rebuild().begin();
    REQUIRE(refusal);
    CHECK(refusal->no_room);
    CHECK(refusal->why.find("MiB") != std::string::npos);
    CHECK(shop.rebuild().progress().state == State::none);
    small.disk.make_room();
    CHECK(!shop.rebuild().begin());
    settle_with_time(shop);
    CHECK(shop.rebuild().progress().state == State::done);
}

TEST_CASE("a rebuild under which the disk gets full ends, removes its table and says why") {
    const OnSmallDisk small;
    if (!small.disk.mounted()) {
        return;
    }
    ListedOrders shop({.data_dir = small.path});
    shop.append(20'000);
    shop.settle();
    shop.customer().idle();
    const std::string pages = shop.pages();
    const auto size = small.size("customer.db");
    shop.append(10'000);
    CHECK(!shop.rebuild().begin());
    REQUIRE(shop.step());
    REQUIRE(shop.rebuild().under_way());
    small.disk.fill();
    for (int i = 0; i < 200 && shop.rebuild().under_way(); ++i) {
        shop.step();
        shop.clock.advance(200);
    }
    CHECK(shop.rebuild().progress().state == State::failed);
    CHECK(shop.rebuild().progress().reason == "the disk is full");
    // Nobody makes room: what it left goes all the same.
    settle_with_time(shop);
    CHECK(!shop.has_table("my_page_rebuild"));
    CHECK(shop.ask("SELECT count(*) FROM subscription WHERE name = 'my-page.rebuild'") == 0);
    small.disk.make_room();
    shop.clock.advance(1000);
    shop.settle();
    CHECK(shop.pages() != pages);
    shop.customer().idle();
    CHECK(small.size("customer.db") < 2 * size);
    CHECK(!shop.rebuild().begin());
    settle_with_time(shop);
    CHECK(shop.rebuild().progress().state == State::done);
}

TEST_CASE("a rebuild is canceled in any phase, and its pages go back to the file system") {
    const MemoryVfs vfs;
    ListedOrders shop({.data_dir = "/data", .vfs = vfs.name()});
    shop.append(20'000);
    shop.settle();
    const std::string pages = shop.pages();
    const std::int64_t size = shop.ask("PRAGMA page_count");
    CHECK(!shop.rebuild().cancel());
    int canceled = 0;
    for (int steps = 0; steps < 40; ++steps) {
        CAPTURE(steps);
        REQUIRE(!shop.rebuild().begin());
        for (int i = 0; i < steps; ++i) {
            shop.step();
        }
        const bool under_way = shop.rebuild().under_way();
        CHECK(shop.rebuild().cancel() == under_way);
        CHECK(!shop.rebuild().cancel());
        settle_with_time(shop);
        canceled += under_way ? 1 : 0;
        CHECK(shop.rebuild().progress().state == (under_way ? State::canceled : State::done));
        CHECK(!shop.has_table("my_page_rebuild"));
        CHECK(shop.ask("SELECT count(*) FROM subscription") == 1);
        CHECK(shop.ask("PRAGMA freelist_count") == 0);
        CHECK(shop.ask("PRAGMA page_count") <= size + size / 10);
        CHECK(shop.pages() == pages);
    }
    CHECK(canceled > 0);
    CHECK(canceled < 40);
}

}  // namespace bookstore::test
