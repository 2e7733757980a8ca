#include <algorithm>
#include <array>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "http/media.hpp"
#include "http/message.hpp"
#include "http/target.hpp"
#include "http/text.hpp"
#include "kernel/conditional.hpp"
#include "kernel/fields.hpp"
#include "kernel/hal.hpp"

namespace bookstore::fuzz {
namespace {

using http::Produces;
using http::Request;

constexpr kernel::Resource orders{
    .collection = "orders", .singular = "order", .id = "orderId", .search = true
};

std::expected<kernel::Page, http::Problem> page_of(const Request& request) {
    static constexpr std::array<std::string_view, 3> sortable{"orderId", "customerId", "a"};
    return kernel::read_page(request, sortable);
}

/// The request for that target, as the server would have it.
std::expected<Request, std::string> request_for(std::string_view text) {
    auto target = http::parse_target(text);
    if (!target) {
        return std::unexpected(std::move(target.error()));
    }
    Request request;
    request.target = text;
    request.path = std::move(target->path);
    request.literal_slashes = std::move(target->literal_slashes);
    request.query = std::move(target->query);
    request.host = target->host.empty() ? "localhost:8080" : std::move(target->host);
    if (!target->scheme.empty()) {
        request.scheme = std::move(target->scheme);
    }
    return request;
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        out += '%';
        out += hex[static_cast<unsigned char>(c) >> 4];
        out += hex[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

/// All of it percent-encoded, but for the slashes that part segments, is the same target.
void check_target(const Request& request) {
    if (request.path == "*") {
        return;
    }
    std::string text;
    std::size_t next = 0;
    for (std::size_t i = 0; i < request.path.size(); ++i) {
        const auto& literal = request.literal_slashes;
        const bool is_literal = next < literal.size() && literal[next] == i;
        require(!is_literal || request.path[i] == '/', "a literal slash that is none");
        next += is_literal ? 1 : 0;
        const bool parts = request.path[i] == '/' && !is_literal;
        text += parts ? std::string("/") : percent_encoded(request.path.substr(i, 1));
    }
    require(next == request.literal_slashes.size(), "a literal slash beyond the path");
    if (request.path.size() > 1) {
        text += '/';  // one at the end means nothing
    }
    text += '?';
    for (const auto& [name, value] : request.query) {
        text += percent_encoded(name) + "=" + percent_encoded(value) + "&";
    }
    const auto again = request_for(text);
    require(again.has_value(), "an encoded target is refused");
    require(again->path == request.path, "another path when encoded");
    require(again->literal_slashes == request.literal_slashes, "other slashes when encoded");
    require(again->query == request.query, "another query when encoded");
}

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters beside_paging(const Request& request) {
    Parameters rest = request.query;
    std::erase_if(rest, [](const auto& parameter) {
        return parameter.first == "page" || parameter.first == "size" || parameter.first == "sort";
    });
    return rest;
}

/// Asks for what the link says.
Request follow(const boost::json::value& link, const Request& from) {
    const std::string_view href = link.at("href").as_string();
    auto request = request_for(href);
    require(request.has_value(), "a link that is refused: " + std::string(href));
    require(request->host == from.host, "a link to another host: " + std::string(href));
    require(request->scheme == from.scheme, "a link of another scheme: " + std::string(href));
    return std::move(*request);
}

void check_page_link(
    const boost::json::value& links,
    std::string_view rel,
    const Request& request,
    const kernel::Page& page,
    std::int64_t number
) {
    const auto* link = links.as_object().if_contains(rel);
    if (link == nullptr) {
        return;
    }
    const Request led = follow(*link, request);
    const std::string what = "of the link " + std::string(rel) + ": ";
    require(led.path == request.path, what + "another path");
    require(beside_paging(led) == beside_paging(request), what + "other parameters");
    const auto there = page_of(led);
    require(there.has_value(), what + "refused");
    require(there->number == number, what + "another number");
    require(there->size == page.size, what + "another size");
    require(there->sort == page.sort, what + "another order");
    require(there->descending == page.descending, what + "another direction");
}

void check_links(const Request& request, const kernel::Page& page, std::int64_t total) {
    const auto body = read_back(kernel::CollectionWriter(request, orders).finish(page, total).body);
    const auto& links = body.at("_links");
    const std::int64_t pages = body.at("page").at("totalPages").as_int64();
    const bool none_behind = pages == 0 || page.number >= pages - 1;
    require((links.as_object().if_contains("next") == nullptr) == none_behind, "next or not");
    require(
        (links.as_object().if_contains("prev") == nullptr) == (page.number == 0 || pages == 0),
        "prev or not"
    );
    check_page_link(links, "first", request, page, 0);
    check_page_link(links, "prev", request, page, std::min(page.number, pages) - 1);
    check_page_link(links, "next", request, page, page.number + 1);
    check_page_link(links, "last", request, page, pages - 1);
    const auto& self = links.at("self");
    if (self.as_object().contains("templated")) {
        require(page.plain, "a template for a page that was asked for");
        return;
    }
    const Request same = follow(self, request);
    require(same.path == request.path && same.query == request.query, "self leads elsewhere");
}

void check_problem(const http::Problem& problem) {
    require(problem.status == 400 && problem.errors.size() == 1, "not one error");
    read_back(http::render_problem(problem, "/orders", 0).body);
}

void check_parameters(const Request& request, std::int64_t total) {
    if (const auto id = kernel::query_id(request, "orderId")) {
        require(*id >= 1 && *id <= kernel::max_integer, "an id out of bounds");
        require(request.parameter("orderId").has_value(), "an id out of nowhere");
    } else {
        check_problem(id.error());
    }
    const auto page = page_of(request);
    if (!page) {
        check_problem(page.error());
        return;
    }
    require(page->number >= 0 && page->number <= kernel::max_integer, "a page out of bounds");
    require(page->size >= 1 && page->size <= kernel::max_page_size, "a size out of bounds");
    require(
        page->offset() >= 0 && page->offset() <= kernel::max_integer, "an offset out of bounds"
    );
    // Pages are at paths of our own; elsewhere nobody renders these links.
    if (request.path == "/orders" || request.path == "/orders/search/findByCustomerId") {
        check_links(request, *page, total);
    }
}

/// Each element is what was cut off the list, up to a comma or the end.
void check_elements(std::string_view list) {
    while (list.data() != nullptr) {
        std::string_view rest = list;
        const auto element = http::next_element(rest);
        if (!element) {
            throw Broken("an end before the list's");
        }
        const bool last = rest.data() == nullptr;
        const auto cut = list.substr(0, last ? list.size() : list.size() - rest.size() - 1);
        require(http::trimmed(cut) == *element, "an element that is not what was cut off");
        require(last || list[cut.size()] == ',', "cut at something else than a comma");
        list = rest;
    }
}

void check_accept(const std::string& accept) {
    check_elements(accept);
    Request request;
    request.headers = {{"Accept", accept}};
    for (const Produces produces :
         {Produces::hal,
          Produces::json,
          Produces::alps,
          Produces::profile,
          Produces::text,
          Produces::event_stream,
          Produces::html}) {
        const auto negotiated = http::negotiate(request, produces);
        const bool several = http::is_negotiated(produces);
        require(several || !negotiated.prefers_json, "nothing to prefer");
        require(produces == Produces::profile || !negotiated.prefers_schema, "there is no schema");
        require(http::negotiate(Request(), produces).acceptable, "no Accept, and refused");
        Request more = request;
        const std::string_view offered = http::offered(produces);
        more.headers.push_back({"accept", std::string(offered)});
        require(http::negotiate(more, produces).acceptable, "what is offered is asked for");
    }
    require(http::negotiate(request, Produces::nothing).acceptable, "nothing is always acceptable");
    Request typed;
    typed.headers = {{"Content-Type", accept}};
    require(!http::body_media_problem(typed, http::Consumes::nothing), "a type for no body");
    const bool json = !http::body_media_problem(typed, http::Consumes::json);
    const bool says_json = accept.find_first_of("jJ") != accept.npos;
    require(!json || says_json || http::trimmed(accept).empty(), "JSON by another name");
}

void check_conditions(const std::string& tags) {
    constexpr std::string_view tag = "\"0123456789abcdef\"";
    constexpr std::string_view json_tag = "\"0123456789abcdef-json\"";
    const bool named = tags.contains(tag) || tags.contains(json_tag) || tags.contains('*');
    Request request;
    request.headers = {{"If-None-Match", tags}};
    const bool has = kernel::client_has(request, tag);
    require(!has || tags.contains(tag) || tags.contains('*'), "a tag out of nowhere");
    const bool either = has || kernel::client_has(request, json_tag);
    require(
        kernel::precondition_problem(request, tag).has_value() == either,
        "has it, and may change it"
    );
    request.headers = {{"If-Match", tags}};
    const auto refused = kernel::precondition_problem(request, tag);
    require(refused || named, "changed in spite of If-Match");
    if (refused) {
        read_back(http::render_problem(*refused, "/orders/1", 0).body);
    }
}

/// A host that is taken stands in links as it is, and in a URL means the same.
void check_host(const std::string& host) {
    if (http::is_valid_host(host)) {
        require(host.find_first_of("/?#@\\\"<>%, \t\r\n") == host.npos, "a host with more in it");
        const auto request = request_for("http://" + host + "/orders?page=1");
        require(request.has_value() && request->host == host, "a host that a URL cannot name");
        require(request->path == "/orders" && request->query.size() == 1, "a host with a path");
        check_parameters(*request, 100);
    }
    constexpr std::string_view plain = "0123456789abcdef-";
    require(
        !http::is_traceparent(host) ||
            (host.size() >= 55 && host.substr(0, 55).find_first_not_of(plain) == host.npos),
        "a trace that is none"
    );
    require(
        !http::is_sane_request_id(host) ||
            (host.size() <= 64 && host.find_first_of(" \t\r\n\"\\<>;,:%") == host.npos),
        "an id that is not sane"
    );
}

}  // namespace

void query(std::string_view input) {
    const std::string target(take_line(input));
    const std::string accept(take_line(input));
    const std::string host(take_line(input));
    const std::int64_t total = kernel::parse_integer(take_line(input)).value_or(100);
    if (const auto request = request_for(target)) {
        require(request->path.starts_with('/') || target == "*", "a path without a root");
        check_target(*request);
        check_parameters(*request, total);
    } else {
        require(!request.error().empty(), "refused without a reason");
    }
    check_accept(accept);
    check_conditions(accept);
    check_host(host);
}

}  // namespace bookstore::fuzz
