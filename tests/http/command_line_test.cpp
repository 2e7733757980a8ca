#include <doctest/doctest.h>

#include "support/bookstore_process.hpp"

using namespace bookstore::test;

TEST_CASE("--version prints the version") {
    const auto done = run_bookstore({"--version"});
    CHECK(done.status == 0);
    CHECK(done.out.starts_with("bookstore "));
}
