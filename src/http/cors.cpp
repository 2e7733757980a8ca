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
    "Log-End";
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
        response.headers.push_back({"Access-Control-Allow-Headers", std::string(*requested)});
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
    const auto is_other = [&](std::string_view one) {
        return normal(one) != normal(request.origin());
    };
    return (origin && is_other(*origin)) || (site && *site != "same-origin" && *site != "none") ||
           (referer && is_other(origin_of(*referer)));
}

bool is_rebound(const Request& request) {
    if (!request.from_loopback || request.from_trusted_proxy || request.host.starts_with('[')) {
        return false;
    }
    const std::string host = normal(request.host.substr(0, request.host.find(':')));
    const bool address = std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
    return !address && host != "localhost" && !host.ends_with(".localhost");
}

}  // namespace bookstore::http
