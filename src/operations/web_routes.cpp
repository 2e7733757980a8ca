#include "operations/web_routes.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernel/conditional.hpp"
#include "operations/web_files.hpp"

namespace bookstore::operations {
namespace {

constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Place {
    http::Audience audience;
    std::string_view path;
    std::string_view file;
    http::Produces produces = http::Produces::nothing;
};

constexpr Place places[] = {
    {http::Audience::everybody, "/docs", "docs.html", http::Produces::html},
    {http::Audience::everybody, "/docs/docs.css", "docs.css"},
    {http::Audience::everybody, "/docs/docs.js", "docs.js"},
    {http::Audience::operators_pages, "/console", "console.html", http::Produces::html},
    {http::Audience::operators_pages, "/console/console.css", "console.css"},
    {http::Audience::operators_pages, "/console/console.js", "console.js"},
    {http::Audience::operators_pages, "/console/console_base.js", "console_base.js"},
    {http::Audience::operators_pages, "/console/console_drills.js", "console_drills.js"},
    {http::Audience::operators_pages, "/console/console_events.js", "console_events.js"},
    {http::Audience::operators_pages, "/console/console_i18n.js", "console_i18n.js"},
    {http::Audience::operators_pages, "/console/console_live.js", "console_live.js"},
    {http::Audience::operators_pages, "/console/console_operate.js", "console_operate.js"},
    {http::Audience::operators_pages, "/console/console_orders.js", "console_orders.js"},
    {http::Audience::operators_pages, "/console/console_play.js", "console_play.js"},
    {http::Audience::operators_pages, "/console/console_theme.js", "console_theme.js"},
};

/// A page at "docs/" would look for "docs/docs/docs.css".
bool has_trailing_slash(const http::Request& request) {
    const std::string_view target = request.target;
    return target.substr(0, target.find('?')).ends_with('/');
}

http::Response to_no_trailing_slash(std::string_view path) {
    http::Response response;
    response.status = 308;
    // Relative: whoever publishes this below a prefix does not tell which.
    response.headers.push_back({"Location", "../" + std::string(path.substr(path.rfind('/') + 1))});
    return response;
}

/// 200 with the file, or 304 when the client has these bytes.
http::Response shown(const http::Request& request, const WebFile& file) {
    http::Response response;
    response.headers = {
        {"ETag", std::string(file.etag)},
        {"Cache-Control", "no-cache"},
        {"Content-Security-Policy", std::string(content_security_policy)},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"}
    };
    if (kernel::client_has(request, file.etag)) {
        response.status = 304;
        return response;
    }
    response.content_type = file.media_type;
    response.body = file.bytes;
    return response;
}

http::Route route(const Place& place) {
    return {
        .audience = place.audience,
        .method = http::Method::get,
        .pattern = std::string(place.path),
        .produces = place.produces,
        .consumes = http::Consumes::nothing,
        .head = true,
        .handler =
            [path = place.path,
             &file = web_file(place.file)](const http::Request& request, const http::Done& done) {
                if (has_trailing_slash(request)) {
                    done(to_no_trailing_slash(path));
                } else {
                    done(shown(request, file));
                }
            }
    };
}

}  // namespace

const WebFile& web_file(std::string_view name) {
    const auto files = web_files();
    const auto found = std::ranges::find(files, name, &WebFile::name);
    if (found == files.end()) {
        throw std::logic_error("web/" + std::string(name) + " was not compiled in");
    }
    return *found;
}

std::vector<http::Route> web_routes() {
    std::vector<http::Route> routes;
    for (const Place& place : places) {
        routes.push_back(route(place));
    }
    return routes;
}

}  // namespace bookstore::operations
