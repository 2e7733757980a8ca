#include "base/encoding.hpp"

#include <cstddef>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace bookstore {
namespace {

constexpr std::string_view utf8_mark = "\xEF\xBB\xBF";

/// By its byte order mark; or by where the zeros are, since JSON begins with an ASCII character.
std::string_view wide_encoding(std::string_view bytes) {
    using namespace std::string_view_literals;
    if (bytes.starts_with("\xFF\xFE\0\0"sv) || bytes.starts_with("\0\0\xFE\xFF"sv)) {
        return "UTF-32";
    }
    if (bytes.starts_with("\xFF\xFE")) {
        return "UTF-16 (little-endian)";
    }
    if (bytes.starts_with("\xFE\xFF")) {
        return "UTF-16 (big-endian)";
    }
    if (bytes.size() < 4) {
        return {};
    }
    const auto zero = [&](std::size_t i) { return bytes[i] == '\0'; };
    if (zero(1) && zero(2) && zero(0) != zero(3)) {
        return "UTF-32";
    }
    if (!zero(0) && zero(1)) {
        return "UTF-16 (little-endian)";
    }
    if (zero(0) && !zero(1)) {
        return "UTF-16 (big-endian)";
    }
    return {};
}

/// What the bytes above ASCII are when they are read as pairs of Korean's encodings.
struct Pairs {
    std::size_t all = 0;
    std::size_t hangul = 0;    ///< of KS X 1001's syllables
    std::size_t extended = 0;  ///< that only CP949 has
};

/// Nothing when they do not come in such pairs.
std::optional<Pairs> korean_pairs(std::string_view bytes) {
    Pairs pairs;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto lead = static_cast<unsigned char>(bytes[i]);
        if (lead < 0x80) {
            continue;
        }
        if (++i == bytes.size() || lead == 0x80 || lead == 0xFF) {
            return std::nullopt;
        }
        const auto trail = static_cast<unsigned char>(bytes[i]);
        const bool standard = lead >= 0xA1 && trail >= 0xA1 && trail <= 0xFE;
        const bool letter = (trail >= 'A' && trail <= 'Z') || (trail >= 'a' && trail <= 'z');
        const bool extended = lead <= 0xC6 && (letter || (trail >= 0x81 && trail <= 0xFE));
        if (!standard && !extended) {
            return std::nullopt;
        }
        ++pairs.all;
        pairs.hangul += standard && lead >= 0xB0 && lead <= 0xC8 ? 1 : 0;
        pairs.extended += standard ? 0 : 1;
    }
    return pairs;
}

/// Korean text is mostly syllables; other encodings' bytes seldom look so.
std::string_view korean_encoding(std::string_view bytes) {
    const auto pairs = korean_pairs(bytes);
    if (!pairs || pairs->all == 0 || 2 * (pairs->hangul + pairs->extended) < pairs->all) {
        return {};
    }
    return pairs->extended > 0 ? "CP949" : "EUC-KR";
}

/// Where the first byte stands that belongs to no character.
std::size_t first_fault(std::string_view bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        const auto character = utf8::decode(bytes.substr(at));
        if (!character) {
            break;
        }
        at += character->bytes;
    }
    return at;
}

}  // namespace

std::optional<std::string> encoding_fault(std::string_view bytes) {
    constexpr std::string_view wanted = "; JSON is sent in UTF-8, without a byte order mark";
    const auto looks_like = [&](std::string_view encoding) {
        std::string fault;
        append_all(fault, "is not UTF-8: it looks like ", encoding, wanted);
        return fault;
    };
    if (bytes.starts_with(utf8_mark)) {
        return "begins with a byte order mark (U+FEFF); JSON is sent in UTF-8 without one";
    }
    if (const std::string_view wide = wide_encoding(bytes); !wide.empty()) {
        return looks_like(wide);
    }
    const std::size_t fault = first_fault(bytes);
    if (fault == bytes.size()) {
        return std::nullopt;
    }
    if (const std::string_view korean = korean_encoding(bytes); !korean.empty()) {
        return looks_like(korean);
    }
    constexpr std::string_view hex = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(bytes[fault]);
    const char digits[] = {hex[byte >> 4], hex[byte & 15]};
    std::string text;
    append_all(
        text,
        "is not UTF-8: the byte 0x",
        std::string_view(digits, 2),
        " at offset ",
        std::string_view(Digits(fault)),
        " belongs to no character",
        wanted
    );
    return text;
}

}  // namespace bookstore
