#include "coverage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <cctype>
#include <string_view>

namespace bookstore::test {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> segments;
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto end = std::min(path.find('/'), path.size());
        segments.push_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return segments;
}

bool fits(std::string_view pattern, std::string_view path) {
    const auto wanted = segments_of(pattern);
    const auto given = segments_of(path);
    return std::ranges::equal(wanted, given, [](std::string_view a, std::string_view b) {
        return a == b || a.starts_with('{');
    });
}

}  // namespace

std::vector<std::string> missing_in(const Page& page, const boost::json::object& paths) {
    const auto pattern_of = [&](const std::string& path) {
        if (paths.contains(path)) {
            return path;
        }
        const auto* found =
            std::ranges::find_if(paths, [&](const auto& one) { return fits(one.key(), path); });
        return found == paths.end() ? std::string() : std::string(found->key());
    };
    std::vector<std::string> done;
    for (const Page::Sent& sent : page.sent()) {
        if (sent.status < 400) {
            done.push_back(fmt::format("{} {}", http::name_of(sent.method), pattern_of(sent.path)));
        }
    }
    std::vector<std::string> missing;
    for (const auto& path : paths) {
        for (const auto& operation : path.value().as_object()) {
            std::string name(operation.key());
            std::ranges::transform(name, name.begin(), [](unsigned char c) {
                return static_cast<char>(std::toupper(c));
            });
            name += " " + std::string(path.key());
            if (std::ranges::find(done, name) == done.end()) {
                missing.push_back(name);
            }
        }
    }
    return missing;
}

}  // namespace bookstore::test
