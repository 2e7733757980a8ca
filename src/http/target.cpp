#include "http/target.hpp"

#include <optional>

#include "http/text.hpp"

namespace bookstore::http {

namespace {

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<unsigned>(c - 'a') + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return static_cast<unsigned>(c - 'A') + 10;
    }
    return std::nullopt;
}

/// The character that "%XY" at the start of `text` stands for; nothing if malformed or NUL.
std::optional<char> decoded(std::string_view text) {
    if (text.size() < 3) {
        return std::nullopt;
    }
    const auto high = hex_digit(text[1]);
    const auto low = hex_digit(text[2]);
    if (!high || !low || (*high == 0 && *low == 0)) {
        return std::nullopt;
    }
    return static_cast<char>(*high << 4 | *low);
}

bool decode_path(std::string_view raw, Target& target) {
    if (raw.size() > 1 && raw.ends_with('/')) {
        raw.remove_suffix(1);
    }
    if (raw.find('%') == std::string_view::npos) {
        target.path = raw;
        return true;
    }
    target.path.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char c = raw[i];
        if (c == '%') {
            const auto character = decoded(raw.substr(i));
            if (!character) {
                return false;
            }
            c = *character;
            i += 2;
            if (c == '/') {
                target.literal_slashes.push_back(static_cast<std::uint32_t>(target.path.size()));
            }
        }
        target.path += c;
    }
    return true;
}

std::optional<std::string> decode_parameter(std::string_view raw) {
    std::string text;
    text.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '%') {
            const auto character = decoded(raw.substr(i));
            if (!character) {
                return std::nullopt;
            }
            text += *character;
            i += 2;
        } else {
            text += raw[i] == '+' ? ' ' : raw[i];
        }
    }
    return text;
}

bool decode_query(std::string_view raw, Target& target) {
    while (!raw.empty()) {
        const auto piece = raw.substr(0, raw.find('&'));
        raw.remove_prefix(piece.size() == raw.size() ? raw.size() : piece.size() + 1);
        if (piece.empty()) {
            continue;
        }
        const auto equals = piece.find('=');
        auto name = decode_parameter(piece.substr(0, equals));
        auto value =
            equals == piece.npos ? std::string() : decode_parameter(piece.substr(equals + 1));
        if (!name || !value) {
            return false;
        }
        target.query.emplace_back(std::move(*name), std::move(*value));
    }
    return true;
}

/// Cuts "http://host" off an absolute form; false if that is not what it starts with.
bool take_authority(std::string_view& text, Target& target) {
    for (const std::string_view scheme : {"http", "https"}) {
        if (text.size() < scheme.size() + 3) {
            continue;
        }
        if (!equal_ignoring_case(text.substr(0, scheme.size()), scheme)) {
            continue;
        }
        if (text.substr(scheme.size(), 3) != "://") {
            continue;
        }
        text.remove_prefix(scheme.size() + 3);
        const auto authority = text.substr(0, text.find_first_of("/?"));
        if (!is_valid_host(authority)) {
            return false;
        }
        target.scheme = scheme;
        target.host = authority;
        text.remove_prefix(authority.size());
        return true;
    }
    return false;
}

bool is_unprintable(char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7F;
}

}  // namespace

std::expected<Target, std::string> parse_target(std::string_view text) {
    Target target;
    if (text == "*") {
        target.path = "*";
        return target;
    }
    for (const char c : text) {
        if (is_unprintable(c)) {
            return std::unexpected("The target has a space or control character.");
        }
        if (c == '#') {
            return std::unexpected("The target has a fragment; it must not be sent.");
        }
    }
    const bool absolute = !text.starts_with('/');
    if (absolute && !take_authority(text, target)) {
        return std::unexpected("The target is neither a path nor an http URL with a valid host.");
    }
    const auto question = text.find('?');
    std::string_view path = text.substr(0, question);
    if (path.empty()) {
        path = "/";
    }
    if (!decode_path(path, target)) {
        return std::unexpected("The path has a malformed percent-encoding or a NUL.");
    }
    if (question != text.npos && !decode_query(text.substr(question + 1), target)) {
        return std::unexpected("The query has a malformed percent-encoding or a NUL.");
    }
    return target;
}

}  // namespace bookstore::http
