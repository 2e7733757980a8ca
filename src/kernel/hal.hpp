#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "http/message.hpp"

// HAL (draft-kelly-json-hal): items with their links, and pages of collections.

namespace bookstore::kernel {

/// What a collection is called.
struct Resource {
    std::string_view collection;  ///< "orders": the path, and the name under _embedded
    std::string_view singular;    ///< "order": the link beside self
    std::string_view id;          ///< "orderId": what `sort` calls the id
    bool search = false;          ///< it has finders under /search
};

/// A further link of an item; `path` begins with "/" and may hold a query.
struct Link {
    std::string_view rel;
    std::string path;
};

/// The page that a request asks for.
struct Page {
    std::int64_t number = 0;
    std::int64_t size = 20;
    bool descending = false;  ///< by id
    bool plain = true;        ///< the query had none of page, size, sort

    /// How many rows stand before it; at most 2^53-1.
    std::int64_t offset() const;
};

constexpr std::int64_t max_page_size = 1000;

/// page, size (clamped to max_page_size), sort; 400 that says what is allowed.
std::expected<Page, http::Problem> read_page(
    const http::Request& request, const Resource& resource
);

/// Writes one item: its described fields, then _links with self, the singular name and `links`.
template <class T>
void append_item(
    std::string& out,
    std::string_view origin,
    const Resource& resource,
    std::int64_t id,
    const T& fields,
    const std::vector<Link>& links
);

void append_links(
    std::string& out,
    std::string_view origin,
    const Resource& resource,
    std::int64_t id,
    const std::vector<Link>& links
);

template <class T>
void append_item(
    std::string& out,
    std::string_view origin,
    const Resource& resource,
    std::int64_t id,
    const T& fields,
    const std::vector<Link>& links
) {
    out += '{';
    json::append_fields(out, fields);
    out += ',';
    append_links(out, origin, resource, id, links);
    out += '}';
}

/// The media type that the request prefers: HAL's, or plain JSON's (the body is the same).
std::string_view hal_type(const http::Request& request);

/// 200 (or `status`) with one item.
template <class T>
http::Response item_response(
    const http::Request& request,
    const Resource& resource,
    std::int64_t id,
    const T& fields,
    const std::vector<Link>& links = {},
    int status = 200
) {
    http::Response response;
    response.status = status;
    response.content_type = hal_type(request);
    response.body.reserve(512);
    append_item(response.body, request.origin(), resource, id, fields, links);
    if (status == 201) {
        response.headers.push_back(
            {"Location",
             request.origin() + "/" + std::string(resource.collection) + "/" + std::to_string(id)}
        );
    }
    return response;
}

/// A page of a collection, written item by item.
class CollectionWriter {
  public:
    CollectionWriter(const http::Request& request, const Resource& resource);

    template <class T>
    void add(std::int64_t id, const T& fields, const std::vector<Link>& links = {}) {
        if (!first_) {
            out_ += ',';
        }
        first_ = false;
        append_item(out_, origin_, resource_, id, fields, links);
    }

    /// With paging links and numbers.
    http::Response finish(const Page& page, std::int64_t total) &&;
    /// `_embedded` and `_links.self` alone: a finder that is not paged.
    http::Response finish_unpaged() &&;

  private:
    const http::Request& request_;
    const Resource& resource_;
    std::string origin_;
    std::string out_;
    bool first_ = true;
};

/// 204
http::Response no_content();

/// 404 that names what was not found: "there is no order 7".
http::Problem not_found(const Resource& resource, std::int64_t id);

}  // namespace bookstore::kernel
