#include "base/utf8.hpp"

namespace bookstore::utf8 {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// How many bytes the character has that begins with this one; 0 if none does.
std::size_t length_after(unsigned char lead) {
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return 0;
    }
    if (lead < 0xE0) {
        return 2;
    }
    return lead < 0xF0 ? 3 : 4;
}

}  // namespace

std::optional<Character> decode(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = length_after(lead);
    if (length == 1) {
        return Character{lead, 1};
    }
    if (length == 0 || length > text.size()) {
        return std::nullopt;
    }
    char32_t code = lead & (0x7FU >> length);
    for (const char c : text.substr(1, length - 1)) {
        if (!continues(c)) {
            return std::nullopt;
        }
        code = (code << 6) | (static_cast<unsigned char>(c) & 0x3FU);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF) {
        return std::nullopt;
    }
    return Character{code, length};
}

bool is_valid(std::string_view text) {
    while (!text.empty()) {
        const auto character = decode(text);
        if (!character) {
            return false;
        }
        text.remove_prefix(character->bytes);
    }
    return true;
}

std::string repaired(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto character = decode(text);
        out += character ? text.substr(0, character->bytes) : replacement;
        text.remove_prefix(character ? character->bytes : 1);
    }
    return out;
}

std::string_view first_characters(std::string_view text, std::size_t count) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (continues(text[i])) {
            continue;
        }
        if (count == 0) {
            return text.substr(0, i);
        }
        --count;
    }
    return text;
}

}  // namespace bookstore::utf8
