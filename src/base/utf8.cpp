#include "base/utf8.hpp"

#include <algorithm>
#include <iterator>

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

struct Range {
    char32_t first;
    char32_t last;
};

/// In order. Of Unicode 15: White_Space, Default_Ignorable_Code_Point, the annotation marks, and
/// those that are drawn as nothing: the Braille blank, the null notehead, the Khitan filler.
constexpr Range invisible[] = {
    {0x09, 0x0D},       {0x20, 0x20},       {0x85, 0x85},       {0xA0, 0xA0},
    {0xAD, 0xAD},       {0x34F, 0x34F},     {0x61C, 0x61C},     {0x115F, 0x1160},
    {0x1680, 0x1680},   {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x2000, 0x200F},
    {0x2028, 0x202F},   {0x205F, 0x206F},   {0x2800, 0x2800},   {0x3000, 0x3000},
    {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB},   {0x16FE4, 0x16FE4}, {0x1BCA0, 0x1BCA3}, {0x1D159, 0x1D159},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

}  // namespace

bool is_control(char32_t character) {
    return character < 0x20 || (character >= 0x7F && character < 0xA0);
}

bool is_bidirectional_control(char32_t character) {
    return character == 0x61C || character == 0x200E || character == 0x200F ||
           (character >= 0x202A && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069);
}

bool is_invisible(char32_t character) {
    const auto range = std::ranges::lower_bound(invisible, character, {}, &Range::last);
    return range != std::end(invisible) && range->first <= character;
}

void append(std::string& out, char32_t character) {
    const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
    const auto put_rest = [&](unsigned bits) { put(0x80 | ((character >> bits) & 0x3F)); };
    if (character < 0x80) {
        put(character);
        return;
    }
    if (character < 0x800) {
        put(0xC0 | character >> 6);
    } else if (character < 0x10000) {
        put(0xE0 | character >> 12);
        put_rest(6);
    } else {
        put(0xF0 | character >> 18);
        put_rest(12);
        put_rest(6);
    }
    put_rest(0);
}

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
