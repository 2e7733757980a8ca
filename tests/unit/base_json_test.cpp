#include <doctest/doctest.h>

#include <array>
#include <boost/describe.hpp>
#include <boost/json/parse.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/words.hpp"
#include "bus/parse.hpp"

namespace bookstore::test {
namespace {

enum class Colour { red, dark_blue };
constexpr std::array<std::string_view, 2> colour_words{"Red", "Dark_Blue"};
constexpr const auto& words_of(Colour) {
    return colour_words;
}

struct Base {
    std::int64_t order_id = 0;
};
BOOST_DESCRIBE_STRUCT(Base, (), (order_id))

struct Everything : Base {
    std::string a_b_c;
    bool paid = false;
    Money price;
    Colour colour = Colour::red;
    std::optional<std::int64_t> stock_left;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(Everything, (Base), (a_b_c, paid, price, colour, stock_left, note))

/// One of every member that an event may have.
struct Happened {
    static constexpr std::string_view event_type = "Happened";
    std::int64_t order_id = 0;
    std::string text;
    bool paid = false;
    Money price;
    std::optional<std::int64_t> stock_left;
    Key key() const { return {"order", order_id}; }
};
BOOST_DESCRIBE_STRUCT(Happened, (), (order_id, text, paid, price, stock_left))

/// What may be left out stands in front, so that the first one that is written has no comma.
struct Sparse {
    json::Omittable<std::string> reason;
    json::Omittable<std::int64_t> count;
    std::vector<Base> orders;
};
BOOST_DESCRIBE_STRUCT(Sparse, (), (reason, count, orders))

struct OnTheWire {
    using exact_names = void;
    std::int64_t at_ms = 0;
    std::int64_t orderId = 0;
};
BOOST_DESCRIBE_STRUCT(OnTheWire, (), (at_ms, orderId))

template <class T>
std::string json_of(const T& value) {
    std::string out;
    json::append(out, value);
    return out;
}

Happened made_happen() {
    Happened event;
    event.order_id = 5;
    event.text = "\"quoted\"\n";
    event.price = Money::from_cents(1234);
    return event;
}

}  // namespace

TEST_CASE("a text is quoted, and escaped where JSON asks for it, and DEL, and nowhere else") {
    CHECK(json_of(std::string("plain")) == R"("plain")");
    CHECK(json_of(std::string()) == R"("")");
    CHECK(json_of("a\"b\\c") == R"("a\"b\\c")");
    CHECK(json_of("\b\f\n\r\t") == R"("\b\f\n\r\t")");
    CHECK(json_of(std::string("\0\x01\x1f\x7f", 4)) == R"("\u0000\u0001\u001f\u007f")");
    CHECK(json_of("a/b") == R"("a/b")");
    CHECK(json_of("Grüße 書店 🚚") == "\"Grüße 書店 🚚\"");
}

TEST_CASE("of a client's bytes, what is not UTF-8 is replaced, and the rest is written as ever") {
    const auto json_of_bytes = [](std::string_view bytes) {
        std::string out;
        json::append_untrusted(out, bytes);
        return out;
    };
    CHECK(json_of_bytes("a\"b\\c\n\x01\x7F") == R"("a\"b\\c\n\u0001\u007f")");
    CHECK(
        json_of_bytes("\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80") ==
        "\"\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80\""
    );
    CHECK(json_of_bytes("\x80") == "\"\xEF\xBF\xBD\"");
    CHECK(json_of_bytes("\"\xFF\n") == "\"\\\"\xEF\xBF\xBD\\n\"");
}

TEST_CASE("every text of single bytes is read back as it was") {
    for (int c = 0; c < 128; ++c) {
        const std::string text =
            std::string("x") + static_cast<char>(c) + "y" + static_cast<char>(c);
        REQUIRE(boost::json::parse(json_of(text)).as_string() == text);
    }
}

TEST_CASE("numbers, truth values and amounts are written as the contract shows them") {
    CHECK(json_of(std::int64_t{0}) == "0");
    CHECK(json_of(std::int64_t{-5}) == "-5");
    CHECK(json_of(std::numeric_limits<std::int64_t>::max()) == "9223372036854775807");
    CHECK(json_of(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(json_of(true) == "true");
    CHECK(json_of(false) == "false");
    CHECK(json_of(Money::from_cents(100'000)) == "1000.0");
    CHECK(json_of(Money::from_cents(Money::max_cents)) == "999999999999.99");
}

TEST_CASE("nothing is null") {
    CHECK(json_of(std::nullopt) == "null");
    CHECK(json_of(std::optional<std::int64_t>()) == "null");
    CHECK(json_of(std::optional<std::int64_t>(0)) == "0");
    CHECK(json_of(std::optional<std::string>("")) == R"("")");
    CHECK(json_of(std::optional<Money>(Money::from_cents(5))) == "0.05");
}

TEST_CASE("fields are written in order, under the contract's names, inherited ones first") {
    Everything object;
    object.order_id = 5;
    object.a_b_c = "x";
    object.price = Money::from_cents(1250);
    object.colour = Colour::dark_blue;
    object.stock_left = 3;
    std::string out;
    json::append_fields(out, object);
    CHECK(
        out ==
        R"("orderId":5,"aBC":"x","paid":false,"price":12.5,"colour":"Dark_Blue","stockLeft":3,"note":null)"
    );
}

TEST_CASE("objects and arrays have a comma between two members, and are closed with their scope") {
    std::string out;
    {
        json::Object object(out);
        {
            json::Array list = object.array("list");
            list.element("a\"b").object().member("n", std::int64_t{1});
            list.object();
        }
        object.array("none");
        object.untrusted("text", "\xff").raw("raw", "[", "1", "]").object("empty");
        object.fields(Base{.order_id = 3});
    }
    CHECK(
        out ==
        "{\"list\":[\"a\\\"b\",{\"n\":1},{}],\"none\":[],\"text\":\"\xEF\xBF\xBD\",\"raw\":[1],"
        "\"empty\":{},\"orderId\":3}"
    );
}

TEST_CASE("what is omittable is left out without a value, wherever it stands") {
    CHECK(json_of(Sparse{}) == R"({"orders":[]})");
    CHECK(
        json_of(Sparse{.reason = {}, .count = 2, .orders = {{1}, {2}}}) ==
        R"({"count":2,"orders":[{"orderId":1},{"orderId":2}]})"
    );
    CHECK(
        json_of(Sparse{.reason = "r", .count = 2, .orders = {}}) ==
        R"({"reason":"r","count":2,"orders":[]})"
    );
}

TEST_CASE("moments, thousandths, values by name and exact names") {
    CHECK(json_of(json::Timestamp{1'599'713'435'000}) == R"("2020-09-10T04:50:35Z")");
    CHECK(json_of(json::Thousandths{0}) == "0.000");
    CHECK(json_of(json::Thousandths{12'034}) == "12.034");
    json::Named<std::int64_t> named;
    CHECK(json_of(named) == "{}");
    named.emplace_back("a", 1);
    named.emplace_back("b", 2);
    CHECK(json_of(named) == R"({"a":1,"b":2})");
    CHECK(json_of(OnTheWire{.at_ms = 1, .orderId = 2}) == R"({"at_ms":1,"orderId":2})");
}

TEST_CASE("fields can be visited and changed by name") {
    Everything object;
    std::string names;
    json::for_each_field(object, [&](std::string_view name, auto& member) {
        names += std::string(name) + " ";
        if constexpr (std::is_same_v<decltype(member), std::int64_t&>) {
            member = 7;
        }
    });
    CHECK(names == "orderId aBC paid price colour stockLeft note ");
    CHECK(object.order_id == 7);
}

TEST_CASE("an enum stands for its word, and a word for its enum") {
    CHECK(word(Colour::red) == "Red");
    CHECK(word(Colour::dark_blue) == "Dark_Blue");
    CHECK(parse_word<Colour>("Dark_Blue") == Colour::dark_blue);
    CHECK(parse_word<Colour>("dark_blue") == std::nullopt);
    CHECK(parse_word<Colour>("") == std::nullopt);
    CHECK(json_of(Colour::red) == R"("Red")");
}

TEST_CASE("an event's payload has its type, the time, its fields, and is read back") {
    const Happened event = made_happen();
    const std::string payload = bus::payload_of(event, 1'599'713'435'000);
    CHECK(
        payload == R"({"eventType":"Happened","timestamp":"20200910045035","orderId":5,)"
                   R"("text":"\"quoted\"\n","paid":false,"price":12.34,"stockLeft":null,"me":true})"
    );
    const auto again = bus::parse_event<Happened>(payload);
    CHECK(again.order_id == 5);
    CHECK(again.text == event.text);
    CHECK_FALSE(again.paid);
    CHECK(again.price == event.price);
    CHECK(again.stock_left == std::nullopt);
}

TEST_CASE("every amount and every number survives the way through a payload") {
    for (const std::int64_t cents :
         {std::int64_t{0},
          std::int64_t{1},
          std::int64_t{29},
          std::int64_t{100},
          std::int64_t{123'456'789'012},
          Money::max_cents}) {
        Happened event;
        event.order_id = std::numeric_limits<std::int64_t>::max();
        event.price = Money::from_cents(cents);
        event.stock_left = -cents;
        const auto again = bus::parse_event<Happened>(bus::payload_of(event, 0));
        CHECK(again.price.cents() == cents);
        CHECK(again.order_id == event.order_id);
        CHECK(again.stock_left == event.stock_left);
    }
}

TEST_CASE("a payload that is none, or that lacks a field, is refused by name") {
    CHECK_THROWS_AS(bus::parse_event<Happened>("no JSON"), std::exception);
    CHECK_THROWS_AS(bus::parse_event<Happened>("[]"), std::exception);
    CHECK_THROWS_AS(bus::parse_event<Happened>("{}"), std::exception);
    try {
        bus::parse_event<Happened>(
            R"({"orderId":5,"text":"","paid":"yes","price":1.0,"stockLeft":null})"
        );
        FAIL("paid is no truth value");
    } catch (const std::exception& error) {
        CHECK(std::string(error.what()).find("Happened") != std::string::npos);
        CHECK(std::string(error.what()).find("paid") != std::string::npos);
    }
}

}  // namespace bookstore::test
