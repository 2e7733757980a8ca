#include "http/authentication.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bookstore::http {
namespace {

constexpr std::string_view challenge = "Bearer realm=\"bookstore\"";

}  // namespace

bool Request::is_by_operators() const {
    return door != Door::customers &&
           (!guarded || (identity != nullptr && identity->roles.has(Role::operators)));
}

Problem unauthorized(std::string message, std::string_view error, std::string_view why) {
    std::string field(challenge);
    if (!error.empty()) {
        field += fmt::format(", error=\"{}\"", error);
    }
    if (!why.empty()) {
        field += fmt::format(", error_description=\"{}\"", why);
    }
    return {401, std::move(message), {}, {{"WWW-Authenticate", std::move(field)}}};
}

Problem lacks_role(Roles needed, const Identity& asking) {
    auto message = fmt::format(
        "This needs the role {}; the token has {}.",
        listed(needed, " or "),
        asking.roles.empty() ? "none that is known here" : listed(asking.roles, " and ")
    );
    auto field = fmt::format(
        "{}, error=\"insufficient_scope\", scope=\"{}\"", challenge, listed(needed, " ")
    );
    return {403, std::move(message), {}, {{"WWW-Authenticate", std::move(field)}}};
}

void mark_private(Response& response) {
    if (std::ranges::find(response.headers, "Cache-Control", &Header::name) ==
        response.headers.end()) {
        response.headers.push_back({"Cache-Control", "private"});
    }
    const auto vary = std::ranges::find(response.headers, "Vary", &Header::name);
    if (vary == response.headers.end()) {
        response.headers.push_back({"Vary", "Authorization"});
    } else {
        vary->value += ", Authorization";
    }
}

}  // namespace bookstore::http
