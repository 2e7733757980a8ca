#include "kernel/hal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "kernel/fields.hpp"
#include "kernel/schema.hpp"

namespace bookstore::kernel {
namespace {

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
std::string self_href(const http::Request& request, std::string_view base_url) {
    std::string_view target = request.target;
    if (!target.starts_with('/')) {  // the absolute form: the origin says the host
        const auto host = target.find("://");
        target.remove_prefix(std::min(target.find_first_of("/?", host + 3), target.size()));
    }
    std::string out(base_url);
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
void append_item_link(json::Object& links, std::string_view base_url, const Link& link) {
    links.raw(link.rel, R"({"href":")", base_url, link.before, Digits(link.id), link.after, "\"}");
}

/// The request's own query with another page number; whatever else it asked for stays.
std::string page_href(
    const http::Request& request, std::string_view base_url, const Page& page, std::int64_t number
) {
    std::string out = fmt::format("{}{}?", base_url, request.path);
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

}  // namespace

std::int64_t Page::offset() const {
    return number > max_integer / size ? max_integer : number * size;
}

namespace {

std::optional<http::Problem> read_number(const http::Request& request, Page& page) {
    const auto text = query_text(request, "page");
    if (!text) {
        return text.error();
    }
    if (*text) {
        page.plain = false;
        const auto number = parse_integer(**text);
        if (!number) {
            return bad_parameter(
                "page", *text, fmt::format("must be a whole number from 0 to {}", max_integer)
            );
        }
        page.number = *number;
    }
    return std::nullopt;
}

std::optional<http::Problem> read_size(const http::Request& request, Page& page) {
    const auto text = query_text(request, "size");
    if (!text) {
        return text.error();
    }
    if (*text) {
        page.plain = false;
        const auto size = parse_integer(**text, 1);
        if (!size) {
            return bad_parameter(
                "size",
                *text,
                fmt::format(
                    "must be a whole number from 1 (more than {} gives {})",
                    max_page_size,
                    max_page_size
                )
            );
        }
        page.size = std::min(*size, max_page_size);
    }
    return std::nullopt;
}

std::optional<http::Problem> read_sort(
    const http::Request& request, std::span<const std::string_view> sortable, Page& page
) {
    const auto text = query_text(request, "sort");
    if (!text) {
        return text.error();
    }
    if (*text) {
        page.plain = false;
        const std::string_view wanted = **text;
        const std::string_view property = wanted.substr(0, wanted.find(','));
        const std::string_view order =
            property.size() < wanted.size() ? wanted.substr(property.size() + 1) : "asc";
        const auto found = std::ranges::find(sortable, property);
        if (found == sortable.end() || (order != "asc" && order != "desc")) {
            return bad_parameter(
                "sort",
                wanted,
                fmt::format(
                    "must be one of {}, alone or with ,asc or ,desc behind it: {},desc",
                    fmt::join(sortable, ", "),
                    sortable.front()
                )
            );
        }
        page.sort = static_cast<std::size_t>(found - sortable.begin());
        page.descending = order == "desc";
    }
    return std::nullopt;
}

}  // namespace

std::expected<Page, http::Problem> read_page(
    const http::Request& request, std::span<const std::string_view> sortable
) {
    Page page;
    auto problem = read_number(request, page);
    if (!problem) {
        problem = read_size(request, page);
    }
    if (!problem) {
        problem = read_sort(request, sortable, page);
    }
    if (problem) {
        return std::unexpected(std::move(*problem));
    }
    return page;
}

void append_links(
    json::Object& item,
    std::string_view base_url,
    const Resource& resource,
    std::int64_t id,
    const Links& links
) {
    std::string collection;
    append_all(collection, "/", resource.collection, "/");
    json::Object all = item.object("_links");
    append_item_link(all, base_url, {"self", collection, id});
    append_item_link(all, base_url, {resource.singular, collection, id});
    for (const Link& link : links) {
        append_item_link(all, base_url, link);
    }
}

std::string item_tag(std::string_view fields, const Links& links) {
    EntityTag tag;
    tag.add(fields);
    for (const Link& link : links) {
        tag.add(link.rel);
        tag.add(link.id);
    }
    return tag.text();
}

std::string_view hal_type(const http::Request& request) {
    return request.prefers_json ? "application/json;charset=UTF-8"
                                : "application/hal+json;charset=UTF-8";
}

http::Response hal_response(const http::Request& request, std::string body, int status) {
    http::Response response;
    response.status = status;
    response.content_type = hal_type(request);
    response.body = std::move(body);
    return response;
}

void append_link(json::Object& links, std::string_view rel, std::string_view href, bool templated) {
    json::Object link = links.object(rel);
    link.member("href", href);
    if (templated) {
        link.member("templated", true);
    }
}

LinkMap& LinkMap::add(std::string rel, std::string href, bool templated) {
    links_.push_back({std::move(rel), std::move(href), templated});
    return *this;
}

Schema LinkMap::schema() {
    return schema_named("LinkMap");
}

Schema PageNumbers::schema() {
    return schema_named("PageNumbers");
}

void append(std::string& out, const LinkMap& links) {
    json::Object object(out);
    for (const LinkMap::Entry& link : links.links_) {
        append_link(object, link.rel, link.href, link.templated);
    }
}

http::Response links_response(const http::Request& request, LinkMap links) {
    return hal_response(request, json::text_of(LinksOnly{std::move(links)}));
}

CollectionWriter::CollectionWriter(const http::Request& request, const Resource& resource)
    : request_(request), resource_(resource), base_url_(request.base_url()) {
    out_.reserve(4096);
    body_.emplace(out_);
    embedded_.emplace(body_->begin("_embedded"));
    items_.emplace(embedded_->begin(resource.collection));
}

void CollectionWriter::reverse() {
    if (starts_.empty()) {
        return;
    }
    std::string turned = out_.substr(0, starts_.front());
    turned.reserve(out_.size());
    std::size_t end = out_.size();
    for (std::size_t i = starts_.size(); i-- > 0;) {
        turned.append(out_, starts_[i], end - starts_[i]);
        if (i > 0) {
            turned += ',';
            end = starts_[i] - 1;  // its comma
        }
    }
    out_ = std::move(turned);
}

void CollectionWriter::end_items() {
    items_.reset();
    embedded_.reset();
}

http::Response CollectionWriter::end_body() {
    body_.reset();
    return hal_response(request_, std::move(out_));
}

http::Response CollectionWriter::finish(
    const Page& page, std::int64_t total, const Reachable& reachable
) && {
    const std::int64_t pages = (total + page.size - 1) / page.size;
    end_items();
    append_page_links(page, pages, reachable);
    body_->member("page", PageNumbers{page.size, total, pages, page.number});
    return end_body();
}

void CollectionWriter::append_page_links(
    const Page& page, std::int64_t pages, const Reachable& reachable
) {
    const std::int64_t last = std::max<std::int64_t>(pages - 1, 0);
    const bool prev = page.number > 0 && pages > 0;
    const bool next = page.number + 1 < pages;
    json::Object links = body_->object("_links");
    const auto link = [&](std::string_view rel, std::int64_t number) {
        if (!reachable || reachable(number)) {
            append_link(links, rel, page_href(request_, base_url_, page, number));
        }
    };
    if (prev || next) {
        link("first", 0);
    }
    if (prev) {
        link("prev", std::min(page.number, pages) - 1);
    }
    const std::string collection = fmt::format("{}/{}", base_url_, resource_.collection);
    const bool finder = request_.path.size() > resource_.collection.size() + 1;
    if (page.plain && !finder) {
        append_link(links, "self", collection + "{?page,size,sort}", true);
    } else {
        append_link(links, "self", self_href(request_, base_url_));
    }
    if (next) {
        link("next", page.number + 1);
    }
    if (prev || next) {
        link("last", last);
    }
    if (!finder) {
        append_link(
            links, "profile", fmt::format("{}/profile/{}", base_url_, resource_.collection)
        );
        if (resource_.search) {
            append_link(links, "search", collection + "/search");
        }
    }
}

http::Response CollectionWriter::finish_unpaged() && {
    end_items();
    {
        json::Object links = body_->object("_links");
        append_link(links, "self", self_href(request_, base_url_));
    }
    return end_body();
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
