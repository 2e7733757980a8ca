#include "auth/base64url.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace bookstore::auth {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t no_digit = 64;

constexpr std::array<std::uint8_t, 256> digits_of_alphabet() {
    std::array<std::uint8_t, 256> digits{};
    digits.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        digits[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return digits;
}
constexpr std::array<std::uint8_t, 256> digits = digits_of_alphabet();

}  // namespace

std::optional<std::string> from_base64url(std::string_view text) {
    if (text.size() % 4 == 1) {
        return std::nullopt;
    }
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t held = 0;
    unsigned held_bits = 0;
    for (const char c : text) {
        const std::uint8_t digit = digits[static_cast<unsigned char>(c)];
        if (digit == no_digit) {
            return std::nullopt;
        }
        held = (held << 6U) | digit;
        held_bits += 6;
        if (held_bits >= 8) {
            held_bits -= 8;
            bytes += static_cast<char>((held >> held_bits) & 0xFFU);
        }
    }
    const bool bits_are_left = (held & ((1U << held_bits) - 1)) != 0;
    return bits_are_left ? std::nullopt : std::optional(std::move(bytes));
}

std::string to_base64url(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size() / 3 * 4 + 3);
    std::uint32_t held = 0;
    unsigned held_bits = 0;
    for (const char c : bytes) {
        held = (held << 8U) | static_cast<unsigned char>(c);
        held_bits += 8;
        while (held_bits >= 6) {
            held_bits -= 6;
            text += alphabet[(held >> held_bits) & 63U];
        }
    }
    if (held_bits > 0) {
        text += alphabet[(held << (6 - held_bits)) & 63U];
    }
    return text;
}

}  // namespace bookstore::auth
