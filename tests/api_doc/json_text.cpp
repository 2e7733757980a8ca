#include "json_text.hpp"

#include <cstddef>

namespace bookstore::test {
namespace {

/// The string that begins at `i`, its quotes included.
std::string_view string_at(std::string_view json, std::size_t i) {
    std::size_t end = i + 1;
    while (end < json.size() && json[end] != '"') {
        end += json[end] == '\\' ? 2 : 1;
    }
    return json.substr(i, end + 1 - i);
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

std::string indented(std::string_view json) {
    std::string out;
    std::size_t depth = 0;
    const auto new_line = [&] {
        out += '\n';
        out.append(depth * 2, ' ');
    };
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '"') {
            const std::string_view text = string_at(json, i);
            out += text;
            i += text.size() - 1;
        } else if (c == '{' || c == '[') {
            out += c;
            const std::size_t next = json.find_first_not_of(" \t\r\n", i + 1);
            if (next != json.npos && (json[next] == '}' || json[next] == ']')) {
                out += json[next];
                i = next;
            } else {
                ++depth;
                new_line();
            }
        } else if (c == '}' || c == ']') {
            --depth;
            new_line();
            out += c;
        } else if (c == ',') {
            out += c;
            new_line();
        } else if (c == ':') {
            out += ": ";
        } else if (!is_space(c)) {
            out += c;
        }
    }
    return out;
}

}  // namespace bookstore::test
