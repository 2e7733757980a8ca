#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace bookstore {

/// An enum whose enumerators stand for words of the contract: `words_of(E)` (found by ADL) gives an
/// array of them, in the enumerators' order.
template <class E>
concept Worded = requires(E value) { words_of(value)[0]; };

template <Worded E>
constexpr std::string_view word(E value) {
    return words_of(value)[static_cast<std::size_t>(value)];
}

template <Worded E>
constexpr std::optional<E> parse_word(std::string_view text) {
    const auto& words = words_of(E{});
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == text) {
            return static_cast<E>(i);
        }
    }
    return std::nullopt;
}

}  // namespace bookstore
