#include <doctest/doctest.h>

#include <string>

#include "base/key.hpp"

namespace bookstore::test {

TEST_CASE("a key's text is its kind and its id") {
    CHECK(text_of(Key{"order", 5}) == "order-5");
    CHECK(text_of(Key{"book", 9'007'199'254'740'991}) == "book-9007199254740991");
}

TEST_CASE("what text_of wrote is read again, and no other text is a key") {
    for (const Key& key : {Key{"order", 1}, Key{"stock-input", 20}}) {
        const std::string text = text_of(key);
        CHECK(parse_key(text) == key);
    }
    for (const char* none :
         {"",
          "order",
          "order-",
          "-5",
          "order-0",
          "order--5",
          "order-5x",
          "order- 5",
          "5",
          "order-99999999999999999999"}) {
        CAPTURE(none);
        CHECK_FALSE(parse_key(none));
    }
}

TEST_CASE("an id is that of a key of its kind alone") {
    CHECK(id_in_key("order-7", "order") == 7);
    CHECK_FALSE(id_in_key("book-7", "order"));
    CHECK_FALSE(id_in_key("orders-7", "order"));
}

}  // namespace bookstore::test
