#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/utf8.hpp"

namespace bookstore::test {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

std::string replacements(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
        out += replacement;
    }
    return out;
}

/// A code point's bytes by the pattern alone, allowed or not.
std::string encoded(char32_t code) {
    const auto byte = [](char32_t bits) { return static_cast<char>(bits); };
    const auto tail = [&](int shift) { return byte(0x80 | ((code >> shift) & 0x3F)); };
    if (code < 0x80) {
        return {byte(code)};
    }
    if (code < 0x800) {
        return {byte(0xC0 | (code >> 6)), tail(0)};
    }
    if (code < 0x10000) {
        return {byte(0xE0 | (code >> 12)), tail(6), tail(0)};
    }
    return {byte(0xF0 | (code >> 18)), tail(12), tail(6), tail(0)};
}

}  // namespace

TEST_CASE("every code point is decoded from its bytes, surrogates excepted") {
    for (char32_t code = 0; code <= 0x10FFFF; ++code) {
        const std::string text = encoded(code);
        const auto character = utf8::decode(text + "x");
        const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        REQUIRE(character.has_value() == !surrogate);
        if (surrogate) {
            continue;
        }
        REQUIRE(character->code == code);
        REQUIRE(character->bytes == text.size());
    }
    CHECK_FALSE(utf8::decode(encoded(0x110000)));
}

TEST_CASE("a character that is cut off, overlong or of no leading byte is none") {
    for (const std::string_view bad :
         {"\x80",
          "\xBF",
          "\xC0\x80",
          "\xC1\xBF",
          "\xC3",
          "\xC3(",
          "\xE0\x9F\xBF",
          "\xE2\x82",
          "\xE2(\xAC",
          "\xED\xA0\x80",
          "\xF0\x8F\xBF\xBF",
          "\xF0\x9F\x98",
          "\xF4\x90\x80\x80",
          "\xF5\x80\x80\x80",
          "\xFF"}) {
        CAPTURE(bad);
        CHECK_FALSE(utf8::decode(bad));
        CHECK_FALSE(utf8::is_valid("a" + std::string(bad)));
        CHECK_FALSE(utf8::is_valid(std::string(bad) + "a"));
    }
    CHECK(utf8::is_valid(""));
    CHECK(utf8::is_valid("Grüße 書店 🚚"));
}

TEST_CASE("each byte that belongs to no character is replaced by itself") {
    CHECK(utf8::repaired("") == "");
    CHECK(utf8::repaired("Grüße 書店 🚚") == "Grüße 書店 🚚");
    CHECK(utf8::repaired("\x80") == replacements(1));
    CHECK(utf8::repaired("\xC3") == replacements(1));
    CHECK(utf8::repaired("\xC0\x80") == replacements(2));
    CHECK(utf8::repaired("\xED\xA0\x80") == replacements(3));
    CHECK(utf8::repaired("\xF4\x90\x80\x80") == replacements(4));
    CHECK(utf8::repaired("a\xFFz") == "a" + replacements(1) + "z");
    CHECK(utf8::repaired("\xE2\x82\xC3\xA4") == replacements(2) + "\xC3\xA4");
}

TEST_CASE("a text is cut behind a character, not inside of one") {
    CHECK(utf8::first_characters("äöü", 2) == "äö");
    CHECK(utf8::first_characters("äöü", 3) == "äöü");
    CHECK(utf8::first_characters("äöü", 9) == "äöü");
    CHECK(utf8::first_characters("🚚x", 1) == "🚚");
    CHECK(utf8::first_characters("abc", 0) == "");
}

}  // namespace bookstore::test
