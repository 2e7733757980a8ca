#include "base/money.hpp"

#include <cassert>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace bookstore {
namespace {

constexpr std::size_t max_digits = 40;  ///< longer texts are no amounts

/// The cents of "123", "123.4" or "123.45000"; nothing for any other text.
std::optional<std::int64_t> plain_cents(std::string_view text) {
    std::int64_t cents = 0;
    int fraction = -1;  // digits after the point, -1 before it
    bool digits = false;
    for (const char c : text) {
        if (c == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        digits = true;
        if (fraction >= 2) {
            if (c != '0') {
                return std::nullopt;
            }
            continue;
        }
        fraction += fraction >= 0 ? 1 : 0;
        cents = cents * 10 + (c - '0');
        if (cents > Money::max_cents) {
            return std::nullopt;
        }
    }
    if (!digits || text.back() == '.' || text.front() == '.') {
        return std::nullopt;
    }
    for (int i = fraction < 0 ? 0 : fraction; i < 2; ++i) {
        cents *= 10;
    }
    return cents <= Money::max_cents ? std::optional(cents) : std::nullopt;
}

}  // namespace

Money Money::from_cents(std::int64_t cents) {
    assert(cents >= 0 && cents <= max_cents);
    Money money;
    money.cents_ = cents;
    return money;
}

std::optional<Money> Money::parse(std::string_view text) {
    if (text.empty() || text.size() > max_digits) {
        return std::nullopt;
    }
    if (const auto cents = plain_cents(text)) {
        return from_cents(*cents);
    }
    // "1e3" is a number in JSON, so it is one in a string too.
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool exponent = text.find_first_of("eE") != std::string_view::npos;
    if (!exponent || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return from_double(value);
}

std::optional<Money> Money::from_double(double value) {
    if (!(value >= 0) || value > static_cast<double>(max_cents) / 100 + 1) {
        return std::nullopt;
    }
    const std::int64_t cents = std::llround(value * 100);
    if (cents > max_cents) {
        return std::nullopt;
    }
    // The double that is nearest to these cents must be the one that was given: 12.345 is none.
    const std::string text = from_cents(cents).text();
    double nearest = 0;
    std::from_chars(text.data(), text.data() + text.size(), nearest);
    return nearest == value ? std::optional(from_cents(cents)) : std::nullopt;
}

std::string Money::text() const {
    std::string out(Digits(cents_ / 100));
    const std::int64_t rest = cents_ % 100;
    out += '.';
    out += static_cast<char>('0' + rest / 10);
    if (rest % 10 != 0) {
        out += static_cast<char>('0' + rest % 10);
    }
    return out;
}

}  // namespace bookstore
