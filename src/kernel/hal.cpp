#include "kernel/hal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "kernel/fields.hpp"

namespace bookstore::kernel {
namespace {

void append_link(
    std::string& out, std::string_view rel, std::string_view href, bool templated = false
) {
    out += '"';
    out += rel;
    out += R"(":{"href":)";
    json::append(out, href);
    out += templated ? R"(,"templated":true},)" : "},";
}

/// Percent-encoded: what a query's name or value may hold as it is, stays.
std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool plain = letter || (c >= '0' && c <= '9') ||
                           std::string_view("-._~,:/?@!$'()*;").find(c) != std::string_view::npos;
        if (plain) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

/// The request's own URL; bytes that no URL may hold are percent-encoded.
std::string self_href(const http::Request& request, std::string_view origin) {
    std::string_view target = request.target;
    if (!target.starts_with('/')) {  // the absolute form: the origin says the host
        const auto host = target.find("://");
        target.remove_prefix(std::min(target.find_first_of("/?", host + 3), target.size()));
    }
    std::string out(origin);
    for (const char c : target) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
        }
    }
    return out;
}

/// Of an item: relation and path are ours and hold nothing to escape; the origin is a valid host.
void append_item_link(
    std::string& out, std::string_view rel, std::string_view origin, std::string_view path
) {
    out += '"';
    out += rel;
    out += R"(":{"href":")";
    out += origin;
    out += path;
    out += "\"},";
}

/// The request's own query with another page number; whatever else it asked for stays.
std::string page_href(
    const http::Request& request, std::string_view origin, const Page& page, std::int64_t number
) {
    std::string out = fmt::format("{}{}?", origin, request.path);
    for (const auto& [name, value] : request.query) {
        if (name != "page" && name != "size" && name != "sort") {
            fmt::format_to(std::back_inserter(out), "{}={}&", encoded(name), encoded(value));
        }
    }
    fmt::format_to(std::back_inserter(out), "page={}&size={}", number, page.size);
    if (const auto sort = request.parameter("sort")) {
        fmt::format_to(std::back_inserter(out), "&sort={}", *sort);
    }
    return out;
}

http::Problem bad_page(std::string_view name, std::string_view value, std::string message) {
    return {
        .status = 400,
        .message = fmt::format("the query parameter {} {}", name, message),
        .errors = {{std::string(name), message, std::string(value)}}
    };
}

}  // namespace

std::int64_t Page::offset() const {
    return number > max_integer / size ? max_integer : number * size;
}

std::expected<Page, http::Problem> read_page(
    const http::Request& request, const Resource& resource
) {
    Page page;
    if (const auto text = request.parameter("page")) {
        page.plain = false;
        const auto number = parse_integer(*text);
        if (!number) {
            return std::unexpected(bad_page(
                "page", *text, fmt::format("must be a whole number from 0 to {}", max_integer)
            ));
        }
        page.number = *number;
    }
    if (const auto text = request.parameter("size")) {
        page.plain = false;
        const auto size = parse_integer(*text, 1);
        if (!size) {
            return std::unexpected(bad_page(
                "size",
                *text,
                fmt::format(
                    "must be a whole number from 1 (more than {} gives {})",
                    max_page_size,
                    max_page_size
                )
            ));
        }
        page.size = std::min(*size, max_page_size);
    }
    if (const auto text = request.parameter("sort")) {
        page.plain = false;
        const std::string_view property = text->substr(0, text->find(','));
        const std::string_view order =
            property.size() < text->size() ? text->substr(property.size() + 1) : "asc";
        if (property != resource.id || (order != "asc" && order != "desc")) {
            return std::unexpected(bad_page(
                "sort", *text, fmt::format("must be {0} or {0},asc or {0},desc", resource.id)
            ));
        }
        page.descending = order == "desc";
    }
    return page;
}

void append_links(
    std::string& out,
    std::string_view origin,
    const Resource& resource,
    std::int64_t id,
    const std::vector<Link>& links
) {
    out += R"("_links":{)";
    std::string self;
    self.reserve(resource.collection.size() + 24);
    self += '/';
    self += resource.collection;
    self += '/';
    self += std::to_string(id);
    append_item_link(out, "self", origin, self);
    append_item_link(out, resource.singular, origin, self);
    for (const Link& link : links) {
        append_item_link(out, link.rel, origin, link.path);
    }
    out.back() = '}';
}

std::string_view hal_type(const http::Request& request) {
    return request.prefers_json ? "application/json;charset=UTF-8"
                                : "application/hal+json;charset=UTF-8";
}

CollectionWriter::CollectionWriter(const http::Request& request, const Resource& resource)
    : request_(request), resource_(resource), origin_(request.origin()) {
    out_.reserve(4096);
    out_ += R"({"_embedded":{")";
    out_ += resource.collection;
    out_ += "\":[";
}

http::Response CollectionWriter::finish(const Page& page, std::int64_t total) && {
    const std::int64_t pages = (total + page.size - 1) / page.size;
    const bool prev = page.number > 0 && pages > 0;
    const bool next = page.number + 1 < pages;
    const auto href = [&](std::int64_t number) {
        return page_href(request_, origin_, page, number);
    };
    out_ += R"(]},"_links":{)";
    if (prev || next) {
        append_link(out_, "first", href(0));
    }
    if (prev) {
        append_link(out_, "prev", href(std::min(page.number, pages) - 1));
    }
    const std::string collection = fmt::format("{}/{}", origin_, resource_.collection);
    const bool finder = request_.path.size() > resource_.collection.size() + 1;
    if (page.plain && !finder) {
        append_link(out_, "self", collection + "{?page,size,sort}", true);
    } else {
        append_link(out_, "self", self_href(request_, origin_));
    }
    if (next) {
        append_link(out_, "next", href(page.number + 1));
    }
    if (prev || next) {
        append_link(out_, "last", href(std::max<std::int64_t>(pages - 1, 0)));
    }
    if (!finder) {
        append_link(out_, "profile", fmt::format("{}/profile/{}", origin_, resource_.collection));
        if (resource_.search) {
            append_link(out_, "search", collection + "/search");
        }
    }
    out_.back() = '}';
    fmt::format_to(
        std::back_inserter(out_),
        R"(,"page":{{"size":{},"totalElements":{},"totalPages":{},"number":{}}}}})",
        page.size,
        total,
        pages,
        page.number
    );
    http::Response response;
    response.content_type = hal_type(request_);
    response.body = std::move(out_);
    return response;
}

http::Response CollectionWriter::finish_unpaged() && {
    out_ += R"(]},"_links":{)";
    append_link(out_, "self", self_href(request_, origin_));
    out_.back() = '}';
    out_ += '}';
    http::Response response;
    response.content_type = hal_type(request_);
    response.body = std::move(out_);
    return response;
}

http::Response no_content() {
    http::Response response;
    response.status = 204;
    return response;
}

http::Problem not_found(const Resource& resource, std::int64_t id) {
    return {.status = 404, .message = fmt::format("there is no {} {}", resource.singular, id)};
}

}  // namespace bookstore::kernel
