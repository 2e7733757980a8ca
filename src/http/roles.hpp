#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bookstore::http {

/// What somebody who was authenticated may be.
enum class Role : std::uint8_t { customer, customer_operator, book_manager, courier, operators };

/// As tokens and documents call them, in the order of Role.
inline constexpr std::array<std::string_view, 5> role_words{
    "customer", "customer-operator", "book-manager", "courier", "operator"
};
constexpr std::string_view word_of(Role role) {
    return role_words[static_cast<std::size_t>(role)];
}
constexpr std::optional<Role> role_of(std::string_view word) {
    for (std::size_t i = 0; i < role_words.size(); ++i) {
        if (role_words[i] == word) {
            return static_cast<Role>(i);
        }
    }
    return std::nullopt;
}

/// A set of roles.
class Roles {
  public:
    constexpr Roles() = default;
    constexpr Roles(Role role) : bits_(1U << static_cast<unsigned>(role)) {}

    constexpr bool empty() const { return bits_ == 0; }
    constexpr std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
    constexpr bool has(Role role) const { return !(*this & Roles(role)).empty(); }
    constexpr Roles without(Role role) const { return Roles(bits_ & ~Roles(role).bits_); }
    constexpr void add(Role role) { bits_ |= Roles(role).bits_; }

    friend constexpr Roles operator|(Roles a, Roles b) { return Roles(a.bits_ | b.bits_); }
    friend constexpr Roles operator&(Roles a, Roles b) { return Roles(a.bits_ & b.bits_); }
    friend constexpr bool operator==(Roles, Roles) = default;

  private:
    constexpr explicit Roles(unsigned bits) : bits_(bits) {}

    unsigned bits_ = 0;
};
constexpr Roles operator|(Role a, Role b) {
    return Roles(a) | Roles(b);
}

/// "customer, courier"; empty of none.
inline std::string listed(Roles roles, std::string_view between = ", ") {
    std::string text;
    for (std::size_t i = 0; i < role_words.size(); ++i) {
        if (roles.has(static_cast<Role>(i))) {
            text += text.empty() ? "" : between;
            text += role_words[i];
        }
    }
    return text;
}

}  // namespace bookstore::http
