#include "kernel/conditional.hpp"

#include <fmt/format.h>

#include <functional>
#include <utility>
#include <vector>

#include "http/preconditions.hpp"

namespace bookstore::kernel {
namespace {

/// The same item as plain JSON is another representation, with a tag of its own.
std::string json_tag_of(std::string_view tag) {
    return fmt::format("{}-json\"", tag.substr(0, tag.size() - 1));
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

std::string shown_tag(const http::Request& request, std::string_view tag) {
    return request.prefers_json ? json_tag_of(tag) : std::string(tag);
}

bool client_has(const http::Request& request, std::string_view tag) {
    return http::if_none_match_names(request, tag);
}

std::optional<http::Problem> precondition_problem(
    const http::Request& request, std::string_view tag
) {
    std::vector<std::string> tags{std::string(tag), json_tag_of(tag)};
    if (request.prefers_json) {
        std::swap(tags[0], tags[1]);
    }
    auto why = http::if_match_fault(request, tags);
    if (!why && (client_has(request, tags[0]) || client_has(request, tags[1]))) {
        why = "it is what If-None-Match names";
    }
    if (!why) {
        return std::nullopt;
    }
    return http::Problem{
        .status = 412,
        .message = fmt::format(
            "nothing was changed: {}; its ETag is {} now. GET it again and decide anew",
            *why,
            tags[0]
        ),
        .headers = {{"ETag", tags[0]}}
    };
}

bool is_conditional(const http::Request& request) {
    return request.header("If-Match").has_value() || request.header("If-None-Match").has_value();
}

}  // namespace bookstore::kernel
