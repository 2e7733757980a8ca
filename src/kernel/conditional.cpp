#include "kernel/conditional.hpp"

#include <fmt/format.h>

#include <functional>

#include "http/text.hpp"

namespace bookstore::kernel {
namespace {

enum class Comparison { strong, weak };

/// Whether one of the tags in all fields of that name is this one; nothing when there is no field.
std::optional<bool> has_tag(
    const http::Request& request,
    std::string_view field,
    std::string_view tag,
    Comparison comparison
) {
    std::optional<bool> found;
    for (const http::Header& header : request.headers) {
        if (!http::equal_ignoring_case(header.name, field)) {
            continue;
        }
        found = found.value_or(false);
        std::string_view list = header.value;
        while (auto element = http::next_element(list)) {
            if (comparison == Comparison::weak && element->starts_with("W/")) {
                element->remove_prefix(2);
            }
            found = *found || *element == "*" || *element == tag;
        }
    }
    return found;
}

}  // namespace

void EntityTag::add(std::string_view part) {
    // FNV's prime between the parts, whose own hash is the library's.
    hash_ = hash_ * 1'099'511'628'211U + std::hash<std::string_view>{}(part);
}

void EntityTag::add(std::int64_t number) {
    hash_ = hash_ * 1'099'511'628'211U + static_cast<std::uint64_t>(number);
}

std::string EntityTag::text() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(18, '"');
    for (std::size_t i = 16, rest = hash_; i > 0; --i, rest >>= 4) {
        text[i] = digits[rest & 15];
    }
    return text;
}

bool client_has(const http::Request& request, std::string_view tag) {
    return has_tag(request, "If-None-Match", tag, Comparison::weak).value_or(false);
}

std::optional<http::Problem> precondition_problem(
    const http::Request& request, std::string_view tag
) {
    std::string why;
    if (!has_tag(request, "If-Match", tag, Comparison::strong).value_or(true)) {
        why = "it was changed since, or If-Match is no tag of it";
    } else if (client_has(request, tag)) {
        why = "it is what If-None-Match names";
    } else {
        return std::nullopt;
    }
    return http::Problem{
        .status = 412,
        .message = fmt::format(
            "nothing was changed: {}; its ETag is {} now. GET it again and decide anew", why, tag
        ),
        .headers = {{"ETag", std::string(tag)}}
    };
}

bool is_conditional(const http::Request& request) {
    return request.header("If-Match").has_value() || request.header("If-None-Match").has_value();
}

}  // namespace bookstore::kernel
