#include "http/text.hpp"

#include <algorithm>
#include <cstddef>

namespace bookstore::http {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_lower_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f');
}
bool is_alpha(char c) {
    return lower(c) >= 'a' && lower(c) <= 'z';
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return lower(x) == lower(y);
           });
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::string_view> next_element(std::string_view& list, char separator) {
    if (list.data() == nullptr) {
        return std::nullopt;
    }
    bool quoted = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const char c = list[i];
        if (quoted && c == '\\') {
            ++i;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == separator && !quoted) {
            const auto element = list.substr(0, i);
            list.remove_prefix(i + 1);
            return trimmed(element);
        }
    }
    const auto element = list;
    list = std::string_view{};  // its null data says that nothing is left
    return trimmed(element);
}

bool is_valid_host(std::string_view host) {
    // A page repeats it in every link: a DNS name's 255 characters and a port, and no more.
    constexpr std::size_t max_host_bytes = 255 + 6;
    if (host.size() > max_host_bytes) {
        return false;
    }
    std::string_view name = host;
    std::string_view rest;
    if (host.starts_with('[')) {
        const auto close = host.find(']');
        if (close == std::string_view::npos || close < 3) {
            return false;
        }
        name = host.substr(1, close - 1);
        rest = host.substr(close + 1);
        const auto fits = [](char c) { return is_lower_hex(lower(c)) || c == ':' || c == '.'; };
        if (!std::ranges::all_of(name, fits)) {
            return false;
        }
    } else {
        const auto colon = std::min(host.find(':'), host.size());
        name = host.substr(0, colon);
        rest = host.substr(colon);
        // reg-name's sub-delims and percent-encodings are left out: no host needs them, and links
        // are built from this text.
        const auto fits = [](char c) {
            return is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == '~';
        };
        if (name.empty() || !std::ranges::all_of(name, fits)) {
            return false;
        }
    }
    if (rest.empty() || rest == ":") {
        return true;
    }
    if (rest.front() != ':' || rest.size() > 6) {
        return false;
    }
    const auto port = rest.substr(1);
    return std::ranges::all_of(port, is_digit) && (port.size() < 5 || port <= "65535");
}

bool is_sane_request_id(std::string_view id) {
    const auto fits = [](char c) {
        return is_alpha(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
    };
    return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, fits);
}

bool is_traceparent(std::string_view value) {
    if (value.size() < 55 || value[2] != '-' || value[35] != '-' || value[52] != '-') {
        return false;
    }
    const auto version = value.substr(0, 2);
    if (!std::ranges::all_of(version, is_lower_hex) || version == "ff") {
        return false;
    }
    // A later version may say more after what this one has.
    if (value.size() > 55 && (version == "00" || value[55] != '-')) {
        return false;
    }
    const auto trace = value.substr(3, 32);
    const auto span = value.substr(36, 16);
    const auto flags = value.substr(53, 2);
    const auto is_id = [](std::string_view id) {
        return std::ranges::all_of(id, is_lower_hex) && id.find_first_not_of('0') != id.npos;
    };
    return is_id(trace) && is_id(span) && std::ranges::all_of(flags, is_lower_hex);
}

}  // namespace bookstore::http
