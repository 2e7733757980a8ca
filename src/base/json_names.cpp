#include "base/json_names.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/utf8.hpp"

namespace bookstore::json {
namespace {

/// What of the text stands between the quotes of the string that begins at its front.
std::string_view quoted(std::string_view text) {
    std::size_t end = 1;
    while (end < text.size() && text[end] != '"') {
        end += text[end] == '\\' ? 2 : 1;
    }
    return text.substr(1, std::min(end, text.size()) - 1);
}

/// The code unit of "\uXXXX" at that place; 0 when there is none.
char32_t code_unit(std::string_view text, std::size_t at) {
    unsigned code = 0;
    if (at + 6 <= text.size() && text[at] == '\\' && text[at + 1] == 'u') {
        std::from_chars(text.data() + at + 2, text.data() + at + 6, code, 16);
    }
    return code;
}

char unescaped(char c) {
    constexpr std::string_view letters = "bfnrt";
    constexpr std::string_view meant = "\b\f\n\r\t";
    const auto letter = letters.find(c);
    return letter == letters.npos ? c : meant[letter];
}

std::string without_escapes(std::string_view raw) {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            out += raw[i];
        } else if (raw[i + 1] != 'u') {
            out += unescaped(raw[++i]);
        } else {
            char32_t code = code_unit(raw, i);
            i += 5;
            const char32_t low = code_unit(raw, i + 1);
            if (code >= 0xD800 && code < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                i += 6;
            }
            utf8::append(out, code);
        }
    }
    return out;
}

/// An object or array that is open.
struct Open {
    bool is_object;
    bool name_is_next;
    std::vector<std::string> names{};
};

std::optional<std::string> repeated(std::vector<std::string>& names) {
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    return twice == names.end() ? std::nullopt : std::optional(std::move(*twice));
}

}  // namespace

std::optional<std::string> repeated_name(std::string_view text) {
    std::vector<Open> open;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '{' || c == '[') {
            open.push_back({.is_object = c == '{', .name_is_next = c == '{'});
        } else if (open.empty()) {
            continue;
        } else if (c == '"') {
            const std::string_view raw = quoted(text.substr(i));
            if (std::exchange(open.back().name_is_next, false)) {
                open.back().names.push_back(without_escapes(raw));
            }
            i += raw.size() + 1;
        } else if (c == ',') {
            open.back().name_is_next = open.back().is_object;
        } else if (c == '}' || c == ']') {
            if (auto name = repeated(open.back().names)) {
                return name;
            }
            open.pop_back();
        }
    }
    return std::nullopt;
}

}  // namespace bookstore::json
