#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bookstore {

/// An exact amount, 0 to 999999999999.99, in cents.
class Money {
  public:
    static constexpr std::int64_t max_cents = 99'999'999'999'999;

    constexpr Money() = default;
    /// cents: 0 to max_cents (asserted).
    static Money from_cents(std::int64_t cents);
    /// "1000", "1000.0", "12.34", "1e3"; nothing if it is no such number, is negative, has a third
    /// fraction digit other than 0, or is out of range.
    static std::optional<Money> parse(std::string_view text);
    /// A JSON number. Below 10^12 the double still determines the cents; nothing if it is none.
    static std::optional<Money> from_double(double value);

    constexpr std::int64_t cents() const { return cents_; }
    /// As the contract shows it: "1000.0", "12.5", "12.34".
    std::string text() const;

    friend constexpr auto operator<=>(Money, Money) = default;

  private:
    std::int64_t cents_ = 0;
};

}  // namespace bookstore
