#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "base/money.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

std::int64_t cents_of(std::string_view text) {
    const auto money = Money::parse(text);
    return money ? money->cents() : -1;
}

std::int64_t cents_of_number(double value) {
    const auto money = Money::from_double(value);
    return money ? money->cents() : -1;
}

std::string shown(std::int64_t cents) {
    return Money::from_cents(cents).text();
}

}  // namespace

TEST_CASE("an amount is read from every form in which a number may be sent") {
    CHECK(cents_of("1000") == 100'000);
    CHECK(cents_of("1000.0") == 100'000);
    CHECK(cents_of("12.34") == 1234);
    CHECK(cents_of("12.3") == 1230);
    CHECK(cents_of("12.340000") == 1234);
    CHECK(cents_of("0") == 0);
    CHECK(cents_of("0.00") == 0);
    CHECK(cents_of("0.01") == 1);
    CHECK(cents_of("1e3") == 100'000);
    CHECK(cents_of("1E3") == 100'000);
    CHECK(cents_of("1.5e+2") == 15'000);
    CHECK(cents_of("1234e-2") == 1234);
    CHECK(cents_of("9.9999999999999e11") == 99'999'999'999'999);
}

TEST_CASE("what is no amount is not read as one") {
    for (const char* text :
         {"",      " ",        "1 ",  " 1",   "+1",    "-1",     "-0",    "1,5",
          "1.2.3", ".",        ".5",  "5.",   "abc",   "1a",     "0x10",  "inf",
          "nan",   "Infinity", "NaN", "e",    "e3",    "1e",     "1e+",   "1e400",
          "1e-3",  "1e-400",   "--1", "1e3 ", "1_000", "nan(e)", "infe1", "-1e3"}) {
        CAPTURE(text);
        CHECK(cents_of(text) == -1);
    }
    CHECK(cents_of(std::string(41, '0')) == -1);
    CHECK(cents_of(std::string_view("1\0", 2)) == -1);
}

TEST_CASE("a third digit behind the point is refused, unless it is 0") {
    CHECK(cents_of("12.345") == -1);
    CHECK(cents_of("12.341") == -1);
    CHECK(cents_of("12.340") == 1234);
    CHECK(cents_of("0.001") == -1);
    CHECK(cents_of("12.3400000001") == -1);
    CHECK(cents_of_number(12.345) == -1);
    CHECK(cents_of_number(0.001) == -1);
    CHECK(cents_of("12345e-3") == -1);
}

TEST_CASE("amounts end below a million millions") {
    CHECK(cents_of("999999999999.99") == Money::max_cents);
    CHECK(cents_of("999999999999.990") == Money::max_cents);
    CHECK(cents_of("1000000000000") == -1);
    CHECK(cents_of("999999999999.995") == -1);
    CHECK(cents_of("1e12") == -1);
    CHECK(cents_of("99999999999999999999999999999999999999") == -1);
    CHECK(cents_of("00000000000000000000000001.00") == 100);
    CHECK(cents_of_number(999999999999.99) == Money::max_cents);
    CHECK(cents_of_number(1e12) == -1);
    CHECK(cents_of_number(1e300) == -1);
    CHECK(cents_of_number(-0.01) == -1);
    CHECK(cents_of_number(std::numeric_limits<double>::infinity()) == -1);
    CHECK(cents_of_number(-std::numeric_limits<double>::infinity()) == -1);
    CHECK(cents_of_number(std::numeric_limits<double>::quiet_NaN()) == -1);
    CHECK(cents_of_number(std::numeric_limits<double>::denorm_min()) == -1);
    CHECK(cents_of_number(-0.0) == 0);
}

TEST_CASE("an amount is shown with one digit behind the point, or two") {
    CHECK(shown(0) == "0.0");
    CHECK(shown(1) == "0.01");
    CHECK(shown(9) == "0.09");
    CHECK(shown(10) == "0.1");
    CHECK(shown(99) == "0.99");
    CHECK(shown(100'000) == "1000.0");
    CHECK(shown(1250) == "12.5");
    CHECK(shown(1234) == "12.34");
    CHECK(shown(1204) == "12.04");
    CHECK(shown(Money::max_cents) == "999999999999.99");
    CHECK(shown(Money::max_cents - 99) == "999999999999.0");
}

TEST_CASE("every amount is shown without an exponent and read back from text and from a double") {
    SeededRandom random(5);
    const auto round_trip = [](std::int64_t cents) {
        const std::string text = shown(cents);
        CAPTURE(text);
        REQUIRE(text.find_first_of("eE") == std::string::npos);
        REQUIRE(cents_of(text) == cents);
        double value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        REQUIRE(cents_of_number(value) == cents);
        REQUIRE(cents_of_number(std::nextafter(value, 1e13)) == -1);
    };
    for (std::int64_t cents = 0; cents < 2000; ++cents) {
        round_trip(cents);
        round_trip(Money::max_cents - cents);
    }
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t below = std::int64_t{1} << (1 + random.below(46));
        round_trip(random.below(std::min(below, Money::max_cents)));
    }
}

TEST_CASE("amounts are compared by their cents") {
    CHECK(Money() == Money::from_cents(0));
    CHECK(Money::from_cents(1) < Money::from_cents(2));
    CHECK(*Money::parse("1.50") == *Money::from_double(1.5));
}

}  // namespace bookstore::test
