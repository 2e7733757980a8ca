#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// Reading UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.

namespace bookstore::utf8 {

struct Character {
    char32_t code = 0;
    std::size_t bytes = 0;
};

/// The character that `text`, which is not empty, begins with; nothing if that is none.
std::optional<Character> decode(std::string_view text);

/// Appends the character; of a surrogate, which is none, three bytes that are no UTF-8.
void append(std::string& out, char32_t character);

bool is_valid(std::string_view text);

/// The C0 and C1 control characters and DEL.
bool is_control(char32_t character);

/// Those that set the direction of what follows them (UAX 9): a text that has one may be shown as
/// another than it is.
bool is_bidirectional_control(char32_t character);

/// Whether a reader sees nothing of it: spaces and fillers of any script, and what Unicode has
/// renderers ignore (Default_Ignorable_Code_Point).
bool is_invisible(char32_t character);

/// The text with U+FFFD in place of each byte that belongs to no character.
std::string repaired(std::string_view text);

/// The first `count` characters (not bytes), or all if there are fewer. What is not UTF-8 is cut
/// somewhere.
std::string_view first_characters(std::string_view text, std::size_t count);

}  // namespace bookstore::utf8
