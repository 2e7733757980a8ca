#include "http/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>

#include "http/media.hpp"
#include "http/preconditions.hpp"

namespace bookstore::http {

namespace {

constexpr std::size_t method_count = 10;
constexpr std::size_t max_captures = 8;
constexpr std::size_t max_named_path = 200;
constexpr std::string_view patch_types = "application/merge-patch+json, application/json";

std::size_t index_of(Method method) {
    return static_cast<std::size_t>(method);
}

/// Hands out a path's segments. A slash that was sent as %2F ends none.
class Segments {
  public:
    Segments(std::string_view path, std::span<const std::uint32_t> literal_slashes)
        : path_(path), literal_slashes_(literal_slashes) {}

    /// The segment that starts at `begin`.
    std::string_view at(std::size_t begin) const {
        std::size_t end = path_.find('/', begin);
        while (end != path_.npos && is_literal(end)) {
            end = path_.find('/', end + 1);
        }
        return path_.substr(begin, end == path_.npos ? path_.npos : end - begin);
    }

    std::size_t size() const { return path_.size(); }

  private:
    bool is_literal(std::size_t position) const {
        return std::ranges::binary_search(literal_slashes_, position);
    }

    std::string_view path_;
    std::span<const std::uint32_t> literal_slashes_;
};

struct Captured {
    std::array<std::string_view, max_captures> values;
    std::size_t count = 0;
};

std::string named(std::string_view path) {
    if (path.size() <= max_named_path) {
        return std::string(path);
    }
    return fmt::format("{}...", path.substr(0, max_named_path));
}

Problem not_found(const Request& request) {
    return {404, fmt::format("There is nothing at {}", named(request.path)), {}, {}};
}

Problem wrong_method(const Request& request, const std::string& allow) {
    auto message = fmt::format(
        "{} is not possible on {}; possible: {}",
        name_of(request.method),
        named(request.path),
        allow
    );
    return {405, std::move(message), {}, {{"Allow", allow}}};
}

Problem not_implemented(const std::string& allow) {
    return {501, "This server does not know that method.", {}, {{"Allow", allow}}};
}

Problem not_acceptable(const Request& request, Produces produces) {
    auto message = fmt::format(
        "The answer would be {}; the Accept header \"{}\" takes none of it.",
        offered(produces),
        named(request.header("accept").value_or(""))
    );
    return {406, std::move(message), {}, {}};
}

Problem false_if_match(std::string_view why) {
    return {412, fmt::format("If-Match is false: {}", why), {}, {}};
}

/// RFC 9110 13.1.1, of what a GET showed: its ETag must be one of If-Match.
Answer held_against_if_match(const Request& request, Answer answer) {
    const auto* response = std::get_if<Response>(&answer);
    if (response == nullptr || (response->status >= 300 && response->status != 304)) {
        return answer;
    }
    const auto tag = std::ranges::find(response->headers, "ETag", &Header::name);
    if (tag == response->headers.end()) {
        return if_match_names_tags(request) ? Answer(false_if_match("what is here has no ETag"))
                                            : std::move(answer);
    }
    const std::string tags[] = {tag->value};
    const auto fault = if_match_fault(request, tags);
    if (!fault) {
        return answer;
    }
    Problem problem = false_if_match(*fault);
    problem.headers.push_back(*tag);
    return problem;
}

Done with_if_match(const Request& request, Done done) {
    return [&request, done = std::move(done)](Answer answer) {
        done(held_against_if_match(request, std::move(answer)));
    };
}

bool only_reads(const Route& route) {
    return route.method == Method::get && route.head;
}

const std::string& every_method() {
    static const std::string all = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    return all;
}

}  // namespace

struct Router::Node {
    std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;  ///< sorted by segment
    std::unique_ptr<Node> capture;
    std::array<const Route*, method_count> by_method{};
    std::string allow;  ///< empty: no route ends here

    Node& literal(std::string_view segment);
    Node& captured();
    const Node* find(const Segments& segments, std::size_t begin, Captured& captured) const;
    const Node* find_next(
        const Segments& segments, std::string_view segment, std::size_t begin, Captured& captured
    ) const;
    const Route* route_for(Method method) const;
    void add(const Route& route);
    void list_methods();
};

Router::Node& Router::Node::literal(std::string_view segment) {
    const auto place = std::ranges::lower_bound(literals, segment, {}, [](const auto& entry) {
        return std::string_view(entry.first);
    });
    if (place != literals.end() && place->first == segment) {
        return *place->second;
    }
    return *literals.emplace(place, std::string(segment), std::make_unique<Node>())->second;
}

Router::Node& Router::Node::captured() {
    if (!capture) {
        capture = std::make_unique<Node>();
    }
    return *capture;
}

/// `begin` is where the next segment starts; there is none when it is greater than the path's size.
/// When it is equal, there is an empty one: of two trailing slashes only one was cut off.
const Router::Node* Router::Node::find(
    const Segments& segments, std::size_t begin, Captured& captured
) const {
    if (begin > segments.size() || segments.size() == 1) {
        return allow.empty() ? nullptr : this;
    }
    const std::string_view segment = segments.at(begin);
    if (segment.empty()) {
        return nullptr;
    }
    return find_next(segments, segment, begin + segment.size() + 1, captured);
}

const Router::Node* Router::Node::find_next(
    const Segments& segments, std::string_view segment, std::size_t begin, Captured& captured
) const {
    const auto place = std::ranges::lower_bound(literals, segment, {}, [](const auto& entry) {
        return std::string_view(entry.first);
    });
    if (place != literals.end() && place->first == segment) {
        const Node* found = place->second->find(segments, begin, captured);
        if (found != nullptr) {
            return found;
        }
    }
    if (!capture) {
        return nullptr;
    }
    const std::size_t count = captured.count;
    if (count == max_captures) {
        return nullptr;
    }
    captured.values[captured.count++] = segment;
    const Node* found = capture->find(segments, begin, captured);
    if (found == nullptr) {
        captured.count = count;
    }
    return found;
}

/// The route that answers that method, HEAD by GET included.
const Route* Router::Node::route_for(Method method) const {
    const Route* own = by_method[index_of(method)];
    if (own != nullptr || method != Method::head) {
        return own;
    }
    const Route* get = by_method[index_of(Method::get)];
    return get != nullptr && get->head ? get : nullptr;
}

void Router::Node::add(const Route& route) {
    const Route*& place = by_method[index_of(route.method)];
    if (place != nullptr || route.method == Method::other) {
        throw std::invalid_argument(
            fmt::format("route {} {} is there twice", name_of(route.method), route.pattern)
        );
    }
    place = &route;
    list_methods();
}

void Router::Node::list_methods() {
    allow.clear();
    for (const Method method :
         {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::del}) {
        if (route_for(method) == nullptr) {
            continue;
        }
        allow += name_of(method);
        allow += ", ";
    }
    allow += "OPTIONS";
}

Router::Router(std::vector<Route> routes)
    : routes_(std::move(routes)),
      root_(std::make_unique<Node>()),
      customers_root_(std::make_unique<Node>()) {
    for (const Route& route : routes_) {
        add(*root_, route);
        if (!route.audience.is_operators_alone()) {
            add(*customers_root_, route);
        }
    }
}

void Router::add(Node& root, const Route& route) {
    const std::string_view pattern = route.pattern;
    if (!pattern.starts_with('/')) {
        throw std::invalid_argument(fmt::format("route {} must start with /", pattern));
    }
    Node* node = &root;
    const Segments segments(pattern, {});
    if (std::ranges::count(pattern, '{') > static_cast<std::ptrdiff_t>(max_captures)) {
        throw std::invalid_argument(fmt::format("route {} captures too much", pattern));
    }
    for (std::size_t begin = 1; begin < pattern.size();) {
        const std::string_view segment = segments.at(begin);
        if (segment.empty()) {
            throw std::invalid_argument(fmt::format("route {} has an empty segment", pattern));
        }
        node = segment.starts_with('{') ? &node->captured() : &node->literal(segment);
        begin += segment.size() + 1;
    }
    node->add(route);
}

const Router::Node& Router::root_for(const Request& request) const {
    return request.door == Door::customers ? *customers_root_ : *root_;
}

Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

Router::Resolution Router::resolve(Request& request) const {
    Resolution result;
    if (request.method == Method::other) {
        result.problem = not_implemented(every_method());
        return result;
    }
    // "host:port", to which no tunnel is made.
    if (request.method == Method::connect && request.path.empty()) {
        result.problem = wrong_method(request, every_method());
        return result;
    }
    if (request.path == "*") {
        result.allow = &every_method();
        if (request.method != Method::options) {
            result.problem = not_found(request);
        }
        return result;
    }
    Captured captured;
    const Segments segments(request.path, request.literal_slashes);
    const Node* node =
        request.path.starts_with('/') ? root_for(request).find(segments, 1, captured) : nullptr;
    if (node == nullptr) {
        result.problem = not_found(request);
        return result;
    }
    result.allow = &node->allow;
    result.patch = node->route_for(Method::patch) != nullptr;
    result.route = node->route_for(request.method);
    if (result.route == nullptr) {
        if (request.method != Method::options) {
            result.problem = wrong_method(request, node->allow);
        }
        return result;
    }
    request.route = static_cast<std::uint32_t>(result.route - routes_.data()) + 1;
    const auto values = std::span(captured.values).first(captured.count);
    request.captures.assign(values.begin(), values.end());
    if (authentication_ != nullptr) {
        result.problem = check_asking(request, result.route->audience);
        if (result.problem) {
            return result;
        }
    }
    result.problem = check_header(request, *result.route);
    return result;
}

/// Judges who asks, and notes who it is and whose things he may see.
std::optional<Problem> Router::check_asking(Request& request, const Audience& audience) const {
    request.guarded = true;
    request.identity = nullptr;
    request.customer = 0;
    const Roles needed = audience.roles();
    if (needed.empty()) {
        // A probe tells an operator more than others; what is wrong with a token is not its matter.
        if (audience.is_probes() && request.header("Authorization")) {
            request.identity = authentication_->identify(request).value_or(nullptr);
        }
        return std::nullopt;
    }
    auto identity = authentication_->identify(request);
    if (!identity) {
        return std::move(identity.error());
    }
    request.identity = std::move(*identity);
    const Roles held = request.identity->roles & needed;
    if (held.empty()) {
        return lacks_role(needed, *request.identity);
    }
    if (held == Roles(Role::customer)) {
        request.customer = request.identity->customer;
        if (request.customer == 0) {
            return Problem{403, "The token has the role customer, and names no customer.", {}, {}};
        }
    }
    return std::nullopt;
}

std::optional<Problem> Router::check_header(Request& request, const Route& route) {
    if (auto problem = body_media_problem(request, route.consumes)) {
        return problem;
    }
    const Negotiated negotiated = negotiate(request, route.produces);
    if (!negotiated.acceptable) {
        return not_acceptable(request, route.produces);
    }
    request.prefers_json = negotiated.prefers_json;
    request.prefers_schema = negotiated.prefers_schema;
    request.negotiated = is_negotiated(route.produces);
    if (!only_reads(route) && !route.judges_conditions && if_match_names_tags(request)) {
        return false_if_match("what is here has no ETag; nothing was changed");
    }
    return std::nullopt;
}

std::optional<Problem> Router::header_problem(Request& request) const {
    Resolution found = resolve(request);
    return std::move(found.problem);
}

void Router::decorate(const Request& request, Response& response) const {
    if (!request.guarded || request.route == 0) {
        return;
    }
    const Audience& audience = routes_[request.route - 1].audience;
    if (!audience.roles().empty() || audience.is_probes()) {
        mark_private(response);
    }
}

void Router::dispatch(Request& request, Done done) const {
    Resolution found = resolve(request);
    if (found.problem) {
        done(std::move(*found.problem));
    } else if (found.route != nullptr) {
        const bool conditional = only_reads(*found.route) && request.header("if-match");
        found.route->handler(
            request, conditional ? with_if_match(request, std::move(done)) : std::move(done)
        );
    } else {
        Response response;
        response.status = 204;
        response.headers.push_back({"Allow", *found.allow});
        if (found.patch) {
            response.headers.push_back({"Accept-Patch", std::string(patch_types)});
        }
        done(std::move(response));
    }
}

}  // namespace bookstore::http
