#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace bookstore {

/// A whole number as text, without an allocation.
class Digits {
  public:
    explicit Digits(std::integral auto number)
        : size_(static_cast<std::size_t>(
              std::to_chars(text_, text_ + sizeof text_, number).ptr - text_
          )) {}
    operator std::string_view() const { return {text_, size_}; }

  private:
    char text_[24];
    std::size_t size_;
};

namespace detail {

/// A literal's length is known when it is compiled: it is not counted at run time.
template <std::size_t N>
constexpr std::string_view view_of(const char (&literal)[N]) {
    return {literal, N - 1};
}
constexpr std::string_view view_of(std::string_view text) {
    return text;
}

inline void append_views(std::string& out, const auto&... texts) {
    const std::size_t before = out.size();
    const std::size_t size = (before + ... + texts.size());
    if (size > out.capacity()) {
        out.reserve(std::max(size, 2 * out.capacity()));
    }
    out.resize_and_overwrite(size, [&](char* data, std::size_t) {
        char* at = data + before;
        const auto put = [&at](std::string_view text) {
            at = std::copy(text.begin(), text.end(), at);
        };
        (put(texts), ...);
        return size;
    });
}

}  // namespace detail

/// Appends texts and literals one after the other; the string grows once.
void append_all(std::string& out, const auto&... texts) {
    detail::append_views(out, detail::view_of(texts)...);
}

}  // namespace bookstore
