#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace bookstore {

/// What an event or an intent is about: an order, a book, a customer. As text: "order-5".
struct Key {
    std::string_view kind{};  ///< "order": a constant, or part of the text that was parsed
    std::int64_t id = 0;      ///< from 1; 0: it is about nothing in particular

    friend bool operator==(const Key&, const Key&) = default;
};

/// "order-5"
inline std::string text_of(const Key& key) {
    std::string text;
    append_all(text, key.kind, "-", Digits(key.id));
    return text;
}

/// The key that text_of() wrote; nothing for any other text. Its kind is part of `text`.
inline std::optional<Key> parse_key(std::string_view text) {
    const auto dash = text.rfind('-');
    if (dash == std::string_view::npos || dash == 0 || text[dash - 1] == '-') {
        return std::nullopt;
    }
    std::int64_t id = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + dash + 1, end, id);
    if (error != std::errc() || rest != end || id < 1) {
        return std::nullopt;
    }
    return Key{text.substr(0, dash), id};
}

/// The id in a key of that kind ("order-5" -> 5); nothing for one of another kind.
inline std::optional<std::int64_t> id_in_key(std::string_view text, std::string_view kind) {
    const auto key = parse_key(text);
    return key && key->kind == kind ? std::optional(key->id) : std::nullopt;
}

}  // namespace bookstore
