#include "base/json.hpp"

#include <algorithm>
#include <charconv>

#include "base/clock.hpp"
#include "base/utf8.hpp"

namespace bookstore::json {
namespace {

constexpr char hex[] = "0123456789abcdef";

/// Which bytes stand in a JSON string as they are: DEL could, but is a control character that
/// nobody wants in a terminal. A table: this runs over every byte that leaves.
constexpr std::array<bool, 256> plain_bytes = [] {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0x20; c < plain.size(); ++c) {
        plain[c] = c != '"' && c != '\\' && c != 0x7F;
    }
    return plain;
}();

bool plain(char c) {
    return plain_bytes[static_cast<unsigned char>(c)];
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    out += "\\u00";
    out += hex[(static_cast<unsigned char>(c) >> 4) & 0xf];
    out += hex[static_cast<unsigned char>(c) & 0xf];
}

}  // namespace

void append(std::string& out, std::string_view text) {
    std::size_t begin = 0;
    if (std::ranges::all_of(text, plain)) {
        append_all(out, "\"", text, "\"");
        return;
    }
    out += '"';
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!plain(text[i])) {
            out.append(text, begin, i - begin);
            append_escaped(out, text[i]);
            begin = i + 1;
        }
    }
    out.append(text, begin, text.size() - begin);
    out += '"';
}

void append_untrusted(std::string& out, std::string_view text) {
    if (utf8::is_valid(text)) {
        append(out, text);
    } else {
        append(out, utf8::repaired(text));
    }
}

void append(std::string& out, std::int64_t number) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
    out.append(digits, end);
}

void append(std::string& out, bool value) {
    out += value ? "true" : "false";
}

void append(std::string& out, Money money) {
    out += money.text();
}

void append(std::string& out, Thousandths number) {
    const Digits rest(1000 + number.count % 1000);  // of four digits: the zeros in front stay
    append_all(out, Digits(number.count / 1000), ".", std::string_view(rest).substr(1));
}

void append(std::string& out, Timestamp time) {
    append_all(out, "\"", iso_timestamp(time.ms), "\"");
}

}  // namespace bookstore::json
