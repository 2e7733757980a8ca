#include "json_schema.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <stdexcept>

// The checker that the description is checked with is checked too.

using namespace bookstore::test;

namespace {

namespace json = boost::json;

/// The faults, joined; "" when it is valid.
std::string faults(std::string_view schema, std::string_view value) {
    const auto document = json::parse(R"({"a/b":1,"s":{"Even":{"multipleOf":2}}})");
    return fmt::format(
        "{}", fmt::join(schema_faults(document, json::parse(schema), json::parse(value)), "; ")
    );
}

bool valid(std::string_view schema, std::string_view value) {
    return faults(schema, value).empty();
}

}  // namespace

TEST_CASE("schema: a type, or one of several") {
    CHECK(valid(R"({"type":"integer"})", "1"));
    CHECK(valid(R"({"type":"integer"})", "1.0"));
    CHECK(faults(R"({"type":"integer"})", "1.5") == "/: 1.5E0 is no integer");
    CHECK(valid(R"({"type":"integer"})", "18446744073709551615"));
    CHECK(!valid(R"({"type":"integer"})", R"("1")"));
    CHECK(valid(R"({"type":"number"})", "1.5"));
    CHECK(!valid(R"({"type":"number"})", "true"));
    CHECK(valid(R"({"type":["string","null"]})", "null"));
    CHECK(faults(R"({"type":["string","null"]})", "1") == "/: 1 is no string or null");
    CHECK(valid(R"({"type":"boolean"})", "false"));
    CHECK(valid(R"({"type":"array"})", "[]"));
    CHECK(!valid(R"({"type":"object"})", "[]"));
}

TEST_CASE("schema: numbers have limits and steps") {
    CHECK(valid(R"({"minimum":1,"maximum":9007199254740991})", "9007199254740991"));
    CHECK(!valid(R"({"maximum":9007199254740991})", "9007199254740992"));
    CHECK(!valid(R"({"minimum":1})", "0"));
    CHECK(valid(R"({"minimum":1})", R"("no number")"));
    CHECK(valid(R"({"multipleOf":0.01})", "12.34"));
    CHECK(valid(R"({"multipleOf":0.01})", "999999999999.99"));
    CHECK(valid(R"({"multipleOf":0.01})", "0"));
    CHECK(!valid(R"({"multipleOf":0.01})", "12.345"));
    CHECK(!valid(R"({"multipleOf":0.01})", "999999999999.995"));
}

TEST_CASE("schema: texts have a length in characters, a pattern, a format") {
    CHECK(valid(R"({"minLength":3,"maxLength":3})", R"("홍길동")"));
    CHECK(!valid(R"({"maxLength":2})", R"("홍길동")"));
    CHECK(valid(R"({"maxLength":1})", R"("😀")"));
    CHECK(!valid(R"({"minLength":1})", R"("")"));
    CHECK(valid(R"({"pattern":"b"})", R"("abc")"));
    CHECK(!valid(R"({"pattern":"^b"})", R"("abc")"));
    CHECK(valid(R"({"pattern":"^[^\\u0000-\\u001f\\u007f-\\u009f]*$"})", R"("홍 ~ \u00a0")"));
    CHECK(!valid(R"({"pattern":"^[^\\u0000-\\u001f]*$"})", R"("a\u0000b")"));
    CHECK(!valid(R"({"pattern":"^[^\\u0000-\\u001f]*$"})", R"("a\nb")"));
    CHECK(!valid(R"({"pattern":"[^\\u2000-\\u200b]"})", R"("\u2003")"));
    CHECK(valid(R"({"pattern":"^[ -~]+$"})", R"("key 1")"));
    CHECK(!valid(R"({"pattern":"^[ -~]+$"})", R"("é")"));
    CHECK(valid(R"({"format":"date-time"})", R"("2020-09-10T04:50:35Z")"));
    CHECK(!valid(R"({"format":"date-time"})", R"("2020-09-10 04:50:35")"));
    CHECK(valid(R"({"format":"uri"})", R"("http://localhost/orders/1")"));
    CHECK(!valid(R"({"format":"uri"})", R"("/orders/1")"));
    CHECK(valid(R"({"format":"int32"})", "2147483647"));
    CHECK(!valid(R"({"format":"int32"})", "2147483648"));
    CHECK(valid(R"({"format":"int64"})", "2147483648"));
    CHECK(!valid(R"({"format":"int64"})", "1e19"));
    CHECK(valid(R"({"format":"int64"})", R"("a text")"));
}

TEST_CASE("schema: enum and const compare values") {
    CHECK(valid(R"({"enum":["a",1,null]})", "1.0"));
    CHECK(!valid(R"({"enum":["a"]})", R"("A")"));
    CHECK(valid(R"({"const":"a"})", R"("a")"));
    CHECK(!valid(R"({"const":"a"})", "null"));
}

TEST_CASE("schema: what an object has, must have and must not have") {
    constexpr auto schema =
        R"({"properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false})";
    CHECK(valid(schema, R"({"a":"x"})"));
    CHECK(faults(schema, R"({"a":1})") == "/a: 1 is no string");
    CHECK(faults(schema, "{}") == R"(/: "a" is missing)");
    CHECK(faults(schema, R"({"a":"x","b":1})") == "/b: must not be there");
    CHECK(valid(R"({"additionalProperties":{"type":"null"}})", R"({"x":null})"));
    CHECK(!valid(R"({"additionalProperties":{"type":"null"}})", R"({"x":1})"));
    CHECK(valid(R"({"properties":{"a":{}}})", R"({"b":1})"));
    CHECK(faults(R"({"items":{"type":"null"}})", "[null,1]") == "/1: 1 is no null");
}

TEST_CASE("schema: one of others, any of others, and others by name") {
    constexpr auto either = R"({"anyOf":[{"minimum":5},{"multipleOf":2}]})";
    CHECK(valid(either, "6"));
    CHECK(valid(either, "2"));
    CHECK(faults(either, "3") == "/: 3 fits none of: (/: 3 is below 5) (/: 3 is no multiple of 2)");
    constexpr auto one = R"({"oneOf":[{"minimum":5},{"multipleOf":2}]})";
    CHECK(valid(one, "2"));
    CHECK(!valid(one, "6"));
    CHECK(!valid(one, "3"));
    CHECK(valid(R"({"$ref":"#/s/Even"})", "4"));
    CHECK(!valid(R"({"$ref":"#/s/Even"})", "3"));
}

TEST_CASE("schema: what the checker does not know is an error, not valid") {
    CHECK_THROWS_AS(valid(R"({"uniqueItems":true})", "[]"), std::invalid_argument);
    CHECK_THROWS_AS(valid(R"({"type":"text"})", "1"), std::invalid_argument);
    CHECK_THROWS_AS(valid(R"({"format":"email"})", R"("a@b")"), std::invalid_argument);
    CHECK_THROWS_AS(valid(R"({"$ref":"#/s/Odd"})", "1"), std::invalid_argument);
    CHECK_THROWS_AS(valid(R"({"$ref":"other.json#/s"})", "1"), std::invalid_argument);
}
