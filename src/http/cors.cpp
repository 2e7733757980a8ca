#include "http/cors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <ranges>

#include "http/text.hpp"

namespace bookstore::http {

namespace {

constexpr std::string_view methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
constexpr std::string_view exposed =
    "ETag, Location, Retry-After, Allow, Accept-Patch, X-Request-Id, traceresponse, Log-Begin, "
    "Log-End, RateLimit, RateLimit-Policy";
constexpr std::string_view max_age_s = "3600";
/// Far more than any page asks for: the list is repeated to the client as it came.
constexpr std::size_t max_requested_bytes = 2048;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alpha_numeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/// RFC 9110 5.6.2.
bool is_token(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    const auto fits = [&](char c) { return is_alpha_numeric(c) || marks.find(c) != marks.npos; };
    return !text.empty() && std::ranges::all_of(text, fits);
}

/// Tokens by comma, none of them empty, and not too much of it.
bool is_token_list(std::string_view list) {
    if (list.size() > max_requested_bytes) {
        return false;
    }
    while (const auto element = next_element(list)) {
        if (!is_token(*element)) {
            return false;
        }
    }
    return true;
}

/// What proxies say of their clients, and no page of itself.
bool is_proxy_header(std::string_view name) {
    constexpr std::string_view prefix = "x-forwarded-";
    return equal_ignoring_case(name, "forwarded") ||
           (name.size() >= prefix.size() &&
            equal_ignoring_case(name.substr(0, prefix.size()), prefix));
}

/// The list as it came, but for those: a browser does not send what it does not find here.
std::string without_proxy_headers(std::string_view list) {
    std::string rest;
    bool any = false;
    for (std::string_view left = list; const auto element = next_element(left);) {
        if (is_proxy_header(*element)) {
            any = true;
        } else {
            rest += rest.empty() ? "" : ", ";
            rest += *element;
        }
    }
    return any ? rest : std::string(list);
}

/// In lower case and without the scheme's default port, as browsers write origins.
std::string normal(std::string_view origin) {
    std::string text(origin);
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    const auto drop = [&](std::string_view scheme, std::string_view port) {
        if (text.starts_with(scheme) && text.ends_with(port)) {
            text.resize(text.size() - port.size());
        }
    };
    drop("http://", ":80");
    drop("https://", ":443");
    return text;
}

/// "scheme://host[:port]" and nothing after it.
bool is_origin(std::string_view text) {
    const auto colon = text.find("://");
    if (colon == text.npos || colon == 0) {
        return false;
    }
    const auto scheme = text.substr(0, colon);
    const auto host = text.substr(colon + 3);
    const auto fits = [](char c) {
        return is_alpha_numeric(c) || c == '+' || c == '-' || c == '.';
    };
    if (!std::ranges::all_of(scheme, fits) || is_digit(scheme.front())) {
        return false;
    }
    return is_valid_host(host) && !host.ends_with(':');
}

/// "http://host:port" of a URL.
std::string_view origin_of(std::string_view url) {
    const auto host = url.find("://");
    return host == url.npos ? url : url.substr(0, url.find_first_of("/?#", host + 3));
}

/// Whether that origin is at that host, whose scheme is not known, since a proxy may end TLS, and
/// whose port may not be: some proxies pass on the name alone.
bool is_at(std::string_view origin, std::string_view host) {
    const auto colon = origin.find("://");
    if (colon == origin.npos) {
        return false;
    }
    const std::string page = normal(origin);
    const std::string own = normal(fmt::format("{}://{}", origin.substr(0, colon), host));
    const auto port = page.rfind(':');
    const bool has_port = port > colon && page.find(']', port) == page.npos;
    return page == own || (has_port && page.substr(0, port) == own);
}

bool is_preflight(const Request& request) {
    return request.method == Method::options &&
           request.header("access-control-request-method").has_value();
}

bool is_safe(Method method) {
    return method == Method::get || method == Method::head || method == Method::options;
}

/// One field says it all: many caches look at the first one alone.
void add_vary(Response& response, std::string_view field) {
    const auto vary = std::ranges::find(response.headers, "Vary", &Header::name);
    if (vary == response.headers.end()) {
        response.headers.push_back({"Vary", std::string(field)});
    } else {
        vary->value += fmt::format(", {}", field);
    }
}

Response preflight_answer(const Request& request) {
    Response response;
    response.status = 204;
    response.headers.push_back({"Access-Control-Allow-Methods", std::string(methods)});
    const auto requested = request.header("access-control-request-headers");
    if (requested && is_token_list(*requested)) {
        std::string allowed = without_proxy_headers(*requested);
        if (!allowed.empty()) {
            response.headers.push_back({"Access-Control-Allow-Headers", std::move(allowed)});
        }
    }
    response.headers.push_back({"Access-Control-Max-Age", std::string(max_age_s)});
    return response;
}

}  // namespace

std::expected<Cors, std::string> Cors::parse(std::string_view origins) {
    Cors cors;
    if (trimmed(origins) == "*") {
        return cors;
    }
    cors.any_ = false;
    if (trimmed(origins).empty()) {
        return cors;
    }
    for (const auto member : std::views::split(origins, ',')) {
        const auto origin = trimmed(std::string_view(member));
        if (origin == "*") {
            return std::unexpected("* allows every origin, so it stands alone");
        }
        if (origin != "null" && !is_origin(origin)) {
            return std::unexpected(fmt::format(
                "\"{}\" is no origin such as https://shop.example:8443, without a path", origin
            ));
        }
        cors.origins_.push_back(normal(origin));
    }
    return cors;
}

bool Cors::allows(const Request& request, std::string_view origin) const {
    if (any_) {
        return true;
    }
    const std::string wanted = normal(origin);
    return std::ranges::find(origins_, wanted) != origins_.end() ||
           wanted == normal(request.origin());
}

std::optional<Answer> Cors::intercept(const Request& request) const {
    const auto origin = request.header("origin");
    if (!origin) {
        return std::nullopt;
    }
    const bool preflight = is_preflight(request);
    if (allows(request, *origin)) {
        if (preflight) {
            return preflight_answer(request);
        }
        return std::nullopt;
    }
    if (!preflight && is_safe(request.method)) {
        return std::nullopt;
    }
    return Problem{403, "Pages of this origin may not use this server.", {}, {}};
}

void Cors::decorate(const Request& request, Response& response) const {
    if (!any_) {
        add_vary(response, "Origin");
    }
    const auto origin = request.header("origin");
    if (!origin || !allows(request, *origin)) {
        return;
    }
    response.headers.push_back({"Access-Control-Allow-Origin", any_ ? "*" : std::string(*origin)});
    if (is_preflight(request)) {
        return;
    }
    response.headers.push_back({"Access-Control-Expose-Headers", std::string(exposed)});
}

bool is_cross_origin(const Request& request) {
    const auto origin = request.header("origin");
    const auto site = request.header("sec-fetch-site");
    const auto referer = request.header("referer");
    const bool same = site == "same-origin";
    const auto is_other = [&](std::string_view page) {
        return normal(page) != normal(request.origin()) ||
               (!same && !is_at(page, request.received_host()));
    };
    return (origin && is_other(*origin)) || (site && !same && *site != "none") ||
           (referer && is_other(origin_of(*referer)));
}

bool is_embeddable(const Request& request) {
    const auto destination = request.header("sec-fetch-dest");
    if (destination && *destination != "empty" && *destination != "document") {
        return true;
    }
    if (request.header("sec-fetch-mode") == "no-cors") {
        return true;
    }
    const auto is_early = [&request](std::string_view field) {
        const auto purpose = request.header(field);
        return purpose && purpose->find("prefetch") != purpose->npos;
    };
    if (is_early("sec-purpose") || is_early("purpose") || is_early("x-moz")) {
        return true;
    }
    // Every browser calls itself so.
    const auto agent = request.header("user-agent");
    return !request.header("sec-fetch-site") && agent && agent->starts_with("Mozilla/") &&
           !request.header("x-requested-with");
}

}  // namespace bookstore::http
