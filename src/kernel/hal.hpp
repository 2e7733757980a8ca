#pragma once

#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "http/message.hpp"
#include "kernel/conditional.hpp"

// HAL (draft-kelly-json-hal): items with their links, and pages of collections.

namespace bookstore::kernel {

class Schema;

/// What a collection is called.
struct Resource {
    std::string_view collection;  ///< "orders": the path, and the name under _embedded
    std::string_view singular;    ///< "order": the link beside self
    std::string_view id;          ///< "orderId": what `sort` calls the id
    bool search = false;          ///< it has finders under /search
};

/// A further link of an item: its path is `before`, the id and `after`, and begins with "/". The
/// texts are constants; what an item is shown with is made often.
struct Link {
    std::string_view rel;
    std::string_view before;
    std::int64_t id;
    std::string_view after{};
};
using Links = boost::container::static_vector<Link, 12>;

/// The page that a request asks for.
struct Page {
    std::int64_t number = 0;
    std::int64_t size = 20;
    std::size_t sort = 0;  ///< by which of the sortable properties; 0 is the id
    bool descending = false;
    bool plain = true;  ///< the query had none of page, size, sort

    /// How many rows stand before it; at most 2^53-1.
    std::int64_t offset() const;
};

constexpr std::int64_t default_page_size = 20;
constexpr std::int64_t max_page_size = 1000;

/// page, size (clamped to max_page_size), sort by one of `sortable`; 400 that says what is allowed.
std::expected<Page, http::Problem> read_page(
    const http::Request& request, std::span<const std::string_view> sortable
);

/// Adds `_links` to an item: self, the singular name and `links`.
void append_links(
    json::Object& item,
    std::string_view base_url,
    const Resource& resource,
    std::int64_t id,
    const Links& links
);

/// Writes one item: its described fields, then its links.
template <class T>
void append_item(
    std::string& out,
    std::string_view base_url,
    const Resource& resource,
    std::int64_t id,
    const T& fields,
    const Links& links
) {
    json::Object item(out);
    item.fields(fields);
    append_links(item, base_url, resource, id, links);
}

/// The entity tag of an item with these fields, as append_fields wrote them, and links.
std::string item_tag(std::string_view fields, const Links& links);

template <class T>
std::string tag_of(const T& item, const Links& links) {
    std::string fields;
    json::append_fields(fields, item);
    return item_tag(fields, links);
}

/// The media type that the request prefers: HAL's, or plain JSON's (the body is the same).
std::string_view hal_type(const http::Request& request);

/// 200 (or `status`) with a HAL body.
http::Response hal_response(const http::Request& request, std::string body, int status = 200);

/// Adds a link to an object of links.
void append_link(
    json::Object& links, std::string_view rel, std::string_view href, bool templated = false
);

/// `_links` of a described resource: links by their relations, in the order in which they were
/// added.
class LinkMap {
  public:
    LinkMap& add(std::string rel, std::string href, bool templated = false);

    static Schema schema();

    friend void append(std::string& out, const LinkMap& links);

  private:
    struct Entry {
        std::string rel;
        std::string href;
        bool templated;
    };
    std::vector<Entry> links_;
};

/// A resource that is nothing but links.
struct LinksOnly {
    LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(LinksOnly, (), (_links))

/// 200 with links alone.
http::Response links_response(const http::Request& request, LinkMap links);

/// `page` of a collection.
struct PageNumbers {
    std::int64_t size = 0;
    std::int64_t total_elements = 0;
    std::int64_t total_pages = 0;
    std::int64_t number = 0;

    static Schema schema();
};
BOOST_DESCRIBE_STRUCT(PageNumbers, (), (size, total_elements, total_pages, number))

/// 200 (or `status`) with one item and its ETag; a GET of what the client has already is 304.
template <class T>
http::Response item_response(
    const http::Request& request,
    const Resource& resource,
    std::int64_t id,
    const T& fields,
    const Links& links = {},
    int status = 200
) {
    http::Response response;
    std::string& body = response.body;
    body.reserve(1024);
    const std::string base_url = request.base_url();
    bool known = false;
    {
        json::Object item(body);
        item.fields(fields);
        response.headers.push_back(
            {"ETag", shown_tag(request, item_tag(std::string_view(body).substr(1), links))}
        );
        const bool read =
            request.method == http::Method::get || request.method == http::Method::head;
        known = read && client_has(request, response.headers.back().value);
        if (!known) {
            append_links(item, base_url, resource, id, links);
        }
    }
    if (known) {
        response.status = 304;
        body.clear();
        return response;
    }
    response.status = status;
    response.content_type = hal_type(request);
    if (status == 201) {
        std::string location;
        append_all(location, base_url, "/", resource.collection, "/", Digits(id));
        response.headers.push_back({"Location", std::move(location)});
    }
    return response;
}

/// A page of a collection, written item by item.
class CollectionWriter {
  public:
    using Reachable = std::function<bool(std::int64_t number)>;

    CollectionWriter(const http::Request& request, const Resource& resource);

    template <class T>
    void add(std::int64_t id, const T& fields, const Links& links = {}) {
        if (!starts_.empty()) {
            out_ += ',';
        }
        starts_.push_back(out_.size());
        append_item(out_, base_url_, resource_, id, fields, links);
    }

    /// The items were read from the far end: turns their order round.
    void reverse();

    /// With paging links and numbers. `reachable` says of a page whether a link may lead to it;
    /// empty: to all.
    http::Response finish(const Page& page, std::int64_t total, const Reachable& reachable = {}) &&;
    /// `_embedded` and `_links.self` alone: a finder that is not paged.
    http::Response finish_unpaged() &&;

  private:
    void end_items();
    void append_page_links(const Page& page, std::int64_t pages, const Reachable& reachable);
    http::Response end_body();

    const http::Request& request_;
    const Resource& resource_;
    std::string base_url_;
    std::string out_;
    std::optional<json::Object> body_;
    std::optional<json::Object> embedded_;
    std::optional<json::Array> items_;
    std::vector<std::size_t> starts_;  ///< of the items in out_; a comma stands between two
};

/// 204
http::Response no_content();

/// 404 that names what was not found: "there is no order 7".
http::Problem not_found(const Resource& resource, std::int64_t id);

}  // namespace bookstore::kernel
