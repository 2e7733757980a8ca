#include <doctest/doctest.h>

#include <array>
#include <string>

#include "kernel/fields.hpp"

using namespace bookstore;
using namespace bookstore::kernel;

namespace {

enum class Switch { on, off, broken };
constexpr std::array<std::string_view, 3> switch_words{"On", "Off", "Broken"};
constexpr const auto& words_of(Switch) {
    return switch_words;
}

struct Body {
    std::int64_t quantity = 0;
    std::string name;
    std::optional<Money> amount;
    Switch state = Switch::on;
};

const Fields<Body>& table() {
    static const auto fields = Fields<Body>()
                                   .integer("quantity", &Body::quantity, 1)
                                   .text("name", &Body::name)
                                   .money("amount", &Body::amount)
                                   .word("state", &Body::state, {"On", "Off"});
    return fields;
}

http::Request with_body(std::string body) {
    http::Request request;
    request.body = std::move(body);
    return request;
}

/// A body with that field, and with the others that there must be.
std::string body_with(const std::string& field_and_value) {
    std::string body = "{" + field_and_value;
    for (const std::string other : {R"("quantity":1)", R"("name":"n")", R"("state":"On")"}) {
        const std::string name = other.substr(0, other.find(':') + 1);
        if (!field_and_value.starts_with(name)) {
            body += "," + other;
        }
    }
    return body + "}";
}

/// The only error of a body whose other fields are fine.
http::FieldError only_error(const std::string& field_and_value) {
    const auto read = table().read(with_body(body_with(field_and_value)));
    REQUIRE_FALSE(read.has_value());
    REQUIRE(read.error().errors.size() == 1);
    CHECK(read.error().status == 400);
    return read.error().errors[0];
}

Body good(const std::string& field_and_value) {
    const auto read = table().read(with_body(body_with(field_and_value)));
    REQUIRE(read.has_value());
    return *read;
}

}  // namespace

TEST_CASE("a text of which nothing can be seen is blank, in whatever script") {
    for (const std::string invisible :
         {R"(" ")",
          R"("\u3164")",
          R"("\uffa0")",
          R"("\u115f\u1160")",
          R"("\u2800")",
          R"("\u200b\u200d")",
          R"("\ufeff")",
          R"("\u00ad")",
          R"("\u034f")",
          R"("\u180e")",
          R"("\u2060")",
          R"("\ufe0f")",
          R"("\udb40\udc20")",
          R"("\u3000\u3164 ")"}) {
        CAPTURE(invisible);
        const auto error = only_error(R"("name":)" + invisible);
        CHECK(error.message.find("must not be blank") != std::string::npos);
    }
    CHECK(good(R"("name":"\u3164a")").name == "\u3164a");
    CHECK(good(R"("name":"\ud83d\udc68\u200d\ud83d\udcbb")").name.size() == 11);  // joined emoji
}

TEST_CASE("a text holds nothing that turns its direction") {
    for (const std::string control :
         {"\\u202e", "\\u200e", "\\u200f", "\\u061c", "\\u202a", "\\u2066", "\\u2069"}) {
        CAPTURE(control);
        const auto error = only_error(R"("name":"a)" + control + R"(b")");
        CHECK(error.message.find("direction") != std::string::npos);
    }
}

TEST_CASE("a body that is not UTF-8 is told so, and what it looks like") {
    using namespace std::string_literals;
    const auto message = [](std::string body) {
        const auto read = table().read(with_body(std::move(body)));
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().status == 400);
        return read.error().message;
    };
    const auto says = [&](std::string body, std::string_view what) {
        const std::string text = message(std::move(body));
        CAPTURE(text);
        CHECK(text.find(what) != std::string::npos);
    };
    says("\xEF\xBB\xBF{}", "byte order mark");
    says("\xFF\xFE{\0}\0"s, "UTF-16 (little-endian)");
    says("\xFE\xFF\0{\0}"s, "UTF-16 (big-endian)");
    says("{\0\"\0a\0\"\0"s, "UTF-16 (little-endian)");
    says("\0{\0\"\0a\0\""s, "UTF-16 (big-endian)");
    says("{\0\0\0\"\0\0\0"s, "UTF-32");
    says("{\"name\":\"\xC8\xAB\xB1\xE6\xB5\xBF\"}", "EUC-KR");         // 홍길동
    says("{\"name\":\"\x8C\x63\xB9\xE6\xB0\xA2\xC7\xCF\"}", "CP949");  // 똠방각하
    says("{\"name\":\"caf\xE9\"}", "the byte 0xE9 at offset 12");
}

TEST_CASE("a name that is there twice is refused, however it is written and wherever it is") {
    const auto refused = [](const std::string& more) {
        const auto read =
            table().read(with_body(R"({"quantity":1,"name":"n","state":"On",)" + more + "}"));
        return read.has_value() ? std::string() : read.error().message;
    };
    CHECK(refused(R"("quantity":2)").find("\"quantity\" twice") != std::string::npos);
    CHECK(refused(R"("qu\u0061ntity":2)").find("\"quantity\" twice") != std::string::npos);
    CHECK(
        refused(R"("more":[1,{"a":{"b":1,"c":2,"b":3}}])").find("\"b\" twice") != std::string::npos
    );
    CHECK(refused(R"("\ud83d\ude00":1,"😀":2)").find("twice") != std::string::npos);
    CHECK(refused(R"("":1,"":2)").find("twice") != std::string::npos);
    CHECK(refused(R"("a":{"quantity":1},"b":[{"x":1},{"x":2}],"c":"\"x\":1,\"x\":2","d":["e","e"])")
              .empty());
}

TEST_CASE("numbers may come as JSON strings") {
    CHECK(good(R"("quantity":"100")").quantity == 100);
    CHECK(good(R"("quantity":100.0)").quantity == 100);
    CHECK(good(R"("quantity":"1e2")").quantity == 100);
    CHECK(good(R"("quantity":9007199254740991)").quantity == max_integer);
    CHECK(good(R"("amount":"1000.0")").amount->text() == "1000.0");
    CHECK(good(R"("amount":12.34)").amount->text() == "12.34");
    CHECK(good(R"("amount":999999999999.99)").amount->text() == "999999999999.99");
    CHECK_FALSE(good(R"("amount":null)").amount);
}

TEST_CASE("what is no such number is refused and shown") {
    struct Row {
        const char* given;
        const char* shown;
    };
    for (const Row& row :
         {Row{R"("abc")", "abc"},
          Row{"1.5", "1.5"},
          Row{R"("1.5")", "1.5"},
          Row{"true", "true"},
          Row{"[1]", "[1]"},
          Row{R"({"a":1})", R"({"a":1})"},
          Row{"0", "0"},
          Row{"-1", "-1"},
          Row{R"("")", ""},
          Row{R"("1 ")", "1 "},
          Row{R"("nan")", "nan"},
          Row{R"("inf")", "inf"},
          Row{"9007199254740992", "9007199254740992"},
          Row{R"("99999999999999999999")", "99999999999999999999"}}) {
        CAPTURE(row.given);
        const auto error = only_error(std::string(R"("quantity":)") + row.given);
        CHECK(error.field == "quantity");
        CHECK(error.rejected_value == row.shown);
    }
    for (const char* amount : {"-1", "12.345", "1e12", R"("abc")", "true", R"("")"}) {
        CAPTURE(amount);
        CHECK(only_error(std::string(R"("amount":)") + amount).field == "amount");
    }
}

TEST_CASE("all errors come at once, and a missing field has no rejected value") {
    const auto read = table().read(with_body(R"({"quantity":0,"state":"Maybe"})"));
    REQUIRE_FALSE(read.has_value());
    REQUIRE(read.error().errors.size() == 3);
    CHECK(read.error().errors[0].message == "must be at least 1");
    CHECK(read.error().errors[1].field == "name");
    CHECK_FALSE(read.error().errors[1].rejected_value.has_value());
    CHECK(read.error().errors[2].message == "must be one of On, Off");
}

TEST_CASE("texts are UTF-8, not blank, without control characters, at most 255 characters") {
    CHECK_FALSE(text_fault("부산시"));
    CHECK_FALSE(text_fault(std::string(255, 'x')));
    std::string korean;
    for (int i = 0; i < 255; ++i) {
        korean += "책";
    }
    CHECK_FALSE(text_fault(korean));
    CHECK(text_fault(korean + "책"));
    CHECK(text_fault(""));
    CHECK(text_fault("  \u3000"));
    CHECK(text_fault("a\nb"));
    CHECK(text_fault(std::string("a\0b", 3)));
    CHECK(text_fault("\xc3\x28"));
    CHECK(text_fault("\xed\xa0\x80"));      // a surrogate
    CHECK(text_fault("\xf4\x90\x80\x80"));  // beyond U+10FFFF
    CHECK(text_fault("\xc0\xaf"));          // overlong
    CHECK(text_fault("\xe1\x80"));          // cut off
}

TEST_CASE("a body that is no JSON object says so") {
    for (const char* body :
         {"", "  ", "{", "[]", "1", "null", "{\"a\":}", "{} x", "{\"a\":\"\xff\"}"}) {
        CAPTURE(body);
        const auto read = table().read(with_body(body));
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().status == 400);
        CHECK(read.error().errors.empty());
        CHECK_FALSE(read.error().message.empty());
    }
    const auto deep = table().read(with_body(std::string(100'000, '[')));
    REQUIRE_FALSE(deep.has_value());
    CHECK(deep.error().status == 400);
}

TEST_CASE("a merge patch touches what it names alone, and cannot remove what is required") {
    Body body{.quantity = 7, .name = "old", .amount = Money::from_cents(1), .state = Switch::off};
    const auto renamed = table().merge_patch(with_body(R"({"name":"new","unknown":1})"));
    REQUIRE(renamed);
    renamed->apply(body);
    CHECK(body.name == "new");
    CHECK(body.quantity == 7);
    CHECK(body.amount);
    CHECK(body.state == Switch::off);
    const auto nothing = table().merge_patch(with_body("{}"));
    REQUIRE(nothing);
    nothing->apply(body);
    CHECK(body.name == "new");
    const auto removed = table().merge_patch(with_body(R"({"amount":null,"state":"On"})"));
    REQUIRE(removed);
    removed->apply(body);
    CHECK_FALSE(body.amount);
    CHECK(body.state == Switch::on);
    const auto refused = table().merge_patch(with_body(R"({"name":null})"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().errors[0].field == "name");
}

TEST_CASE("a replacement needs what is required, and takes away what may be missing") {
    Body body{.quantity = 7, .name = "old", .amount = Money::from_cents(1), .state = Switch::off};
    const auto whole = table().replacement(with_body(R"({"quantity":1,"name":"n","state":"On"})"));
    REQUIRE(whole);
    whole->apply(body);
    CHECK_FALSE(body.amount);
    CHECK(body.quantity == 1);
    const auto partial = table().replacement(with_body(R"({"quantity":1})"));
    REQUIRE_FALSE(partial);
    CHECK(partial.error().errors.size() == 2);
}

TEST_CASE("a word of the enum that the table does not offer is refused") {
    CHECK(only_error(R"("state":"Broken")").message == "must be one of On, Off");
}

TEST_CASE("a body that nests deeper than the request allows is refused") {
    auto request = with_body(R"({"quantity":1,"name":"n","state":"On","x":[[[[1]]]]})");
    request.max_json_depth = 5;
    CHECK(table().read(request));
    request.max_json_depth = 4;
    const auto refused = table().read(request);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().status == 400);
}

TEST_CASE("ids in paths and queries are plain digits up to 2^53-1") {
    CHECK(parse_integer("0") == 0);
    CHECK(parse_integer("9007199254740991") == max_integer);
    for (const char* text : {"", "-1", "+1", "1.0", " 1", "1 ", "abc", "0x1", "9007199254740992"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_integer(text));
    }
    CHECK_FALSE(parse_integer("0", 1));
}
