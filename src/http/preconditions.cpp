#include "http/preconditions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "http/text.hpp"

namespace bookstore::http {
namespace {

/// Calls visit with each element of all fields of that name; false when there is no such field.
template <class Visit>
bool for_each_element(const Request& request, std::string_view name, const Visit& visit) {
    bool found = false;
    for (const Header& header : request.headers) {
        if (!equal_ignoring_case(header.name, name)) {
            continue;
        }
        found = true;
        std::string_view list = header.value;
        while (const auto element = next_element(list)) {
            visit(*element);
        }
    }
    return found;
}

std::string_view without_weakness(std::string_view tag) {
    return tag.starts_with("W/") ? tag.substr(2) : tag;
}

/// Whether this is that tag as a proxy that compresses made it: weak, as nginx does, or with the
/// coding at its end, as Apache and others do.
bool is_marked_by_proxy(std::string_view element, std::string_view tag) {
    element = without_weakness(element);
    if (element == tag) {
        return true;
    }
    if (tag.size() < 2 || element.size() <= tag.size() || !element.ends_with('"')) {
        return false;
    }
    const auto bare = tag.substr(0, tag.size() - 1);
    if (!element.starts_with(bare)) {
        return false;
    }
    std::string_view mark = element.substr(bare.size(), element.size() - bare.size() - 1);
    mark.remove_prefix(std::min(mark.find_first_not_of("-;"), mark.size()));
    return mark == "gzip" || mark == "br" || mark == "zstd" || mark == "deflate";
}

}  // namespace

std::optional<std::string> if_match_fault(
    const Request& request, std::span<const std::string> tags
) {
    bool holds = false;
    bool marked = false;
    const bool given = for_each_element(request, "if-match", [&](std::string_view element) {
        for (const std::string& tag : tags) {
            holds = holds || element == tag;
            marked = marked || is_marked_by_proxy(element, tag);
        }
        holds = holds || element == "*";
    });
    if (!given || holds) {
        return std::nullopt;
    }
    if (marked) {
        return fmt::format(
            "it was not changed, but If-Match has its ETag as a proxy that compresses marked it "
            "(W/ before it, or -gzip at its end); send {} as it is, which a GET with "
            "Accept-Encoding: identity shows",
            tags.front()
        );
    }
    return "it was changed since, or If-Match is no tag of it";
}

bool if_match_names_tags(const Request& request) {
    bool any = false;
    const bool given = for_each_element(request, "if-match", [&](std::string_view element) {
        any = any || element == "*";
    });
    return given && !any;
}

bool if_none_match_names(const Request& request, std::string_view tag) {
    bool named = false;
    for_each_element(request, "if-none-match", [&](std::string_view element) {
        named = named || element == "*" || without_weakness(element) == tag;
    });
    return named;
}

}  // namespace bookstore::http
