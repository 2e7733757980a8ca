#pragma once

#include <cstddef>
#include <optional>
#include <string>
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

/// A word that another context writes: one of E's, or one of a newer version of that context, which
/// is kept as it came.
template <Worded E>
class OpenWord {
  public:
    OpenWord() = default;
    OpenWord(E known) : known_(known) {}
    static OpenWord of(std::string_view text) {
        OpenWord word;
        word.known_ = parse_word<E>(text);
        if (!word.known_) {
            word.unknown_ = text;
        }
        return word;
    }

    /// Nothing when it is none of E's.
    constexpr std::optional<E> known() const { return known_; }
    /// Lives as long as this.
    std::string_view text() const { return known_ ? word(*known_) : std::string_view(unknown_); }
    bool operator==(const OpenWord&) const = default;

    friend constexpr const auto& words_of(const OpenWord&) { return words_of(E{}); }

  private:
    std::optional<E> known_ = E{};
    std::string unknown_{};
};

template <Worded E>
std::string_view word(const OpenWord<E>& value) {
    return value.text();
}

}  // namespace bookstore
