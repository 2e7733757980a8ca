#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/audience.hpp"
#include "http/authentication.hpp"
#include "http/message.hpp"

namespace bookstore::http {

/// What a route's answers look like; Accept is checked against it before the handler runs (406).
/// `alps` and `profile` are ALPS documents; of a `profile` there is a JSON Schema, too.
enum class Produces { hal, json, alps, profile, text, event_stream, html, nothing };

/// What a route's body must be; Content-Type is checked against it before the handler runs (415).
enum class Consumes { nothing, json, merge_patch };

struct Route {
    Audience audience;  ///< whom it is for: there is no default
    Method method = Method::get;
    std::string pattern{};  ///< "/orders/{id}/verification": literal segments and captures
    Produces produces = Produces::hal;
    Consumes consumes = Consumes::nothing;
    bool head = true;  ///< a GET that HEAD may stand for; false where GET does something
    /// The handler of a method that changes something holds If-Match against the item's ETag. Where
    /// none does, nothing has a tag, and an If-Match other than * is false.
    bool judges_conditions = false;
    Handler handler{};
};

/// The route table. Built once, then read by every I/O thread.
///
/// 404 (naming the path), 405 with Allow, HEAD as GET, OPTIONS with Allow (and Accept-Patch), 406,
/// 415, the trailing slash and If-Match (412) on what has no ETag or is only read are its business:
/// none is a handler's. What is for operators alone is not there for who came to the customers'
/// door. With an authentication, so are 401 and 403: after 404 and 405, before all else.
class Router {
  public:
    /// Throws std::invalid_argument for a malformed pattern or two routes that are the same.
    explicit Router(std::vector<Route> routes);
    ~Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;

    /// From now on who asks for what needs a role must have it. Before it serves; it outlives the
    /// router.
    void authenticate_by(const Authentication& authentication) {
        authentication_ = &authentication;
    }

    /// Answers the request by the route that fits it, or says why there is none.
    void dispatch(Request& request, Done done) const;

    /// What dispatch would refuse by the header alone. The server asks before it tells a client
    /// that expects "100-continue" to send its body.
    std::optional<Problem> header_problem(Request& request) const;

    /// Its part in every answer: what depends on who asks says so to caches.
    void decorate(const Request& request, Response& response) const;

    const std::vector<Route>& routes() const { return routes_; }

  private:
    struct Node;
    /// A route and no problem: it answers. Neither: OPTIONS, answered with `allow`.
    struct Resolution {
        const Route* route = nullptr;
        std::optional<Problem> problem;
        const std::string* allow = nullptr;
        bool patch = false;
    };

    static void add(Node& root, const Route& route);
    const Node& root_for(const Request& request) const;
    Resolution resolve(Request& request) const;
    std::optional<Problem> check_asking(Request& request, const Audience& audience) const;
    static std::optional<Problem> check_header(Request& request, const Route& route);

    const Authentication* authentication_ = nullptr;  ///< null: whoever asks may
    std::vector<Route> routes_;
    std::unique_ptr<Node> root_;
    std::unique_ptr<Node> customers_root_;  ///< without what is for operators alone
};

}  // namespace bookstore::http
