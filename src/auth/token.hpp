#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "auth/key.hpp"
#include "http/roles.hpp"

// JSON Web Tokens (RFC 7519) as access tokens, with what RFC 8725 asks of who takes them. Pure:
// bytes, keys and a time in, claims or a reason out.

namespace bookstore::auth {

inline constexpr std::size_t most_token_bytes = 8 << 10;
inline constexpr std::int64_t leeway_s = 30;  ///< that clocks may differ by
/// Keys that one token without a `kid` is held against, at most.
inline constexpr std::size_t most_tries = 8;

/// What a token must say, and where it says who asks.
struct Policy {
    std::string issuer{};    ///< what `iss` must be; empty: anything
    std::string audience{};  ///< what `aud` must have; empty: there must be no `aud`
    /// A member, or a path of members by dots: "realm_access.roles". A text with blanks, or an
    /// array of texts; words that are no role of ours say nothing.
    std::string roles_claim = "roles";
    std::string customer_claim = "customer_id";  ///< a number, or a text of digits; as above
};

/// Who asks, and until when the token says so.
struct Claims {
    std::string subject;  ///< `sub`; empty: there was none
    http::Roles roles;
    std::int64_t customer = 0;   ///< 0: it names none
    std::int64_t expires_s = 0;  ///< `exp`, without leeway
};

struct Refusal {
    std::string why;           ///< plain ASCII without quotes and backslashes, for a header
    bool unknown_key = false;  ///< another set of keys may have it
};

/// The claims of a token that one of the keys has signed, that is valid now and that the policy
/// takes. What a token says of keys beside `kid` (`jku`, `jwk`, `x5u`, `x5c`) is never followed.
std::expected<Claims, Refusal> verify(
    std::string_view token, const Keys& keys, const Policy& policy, std::int64_t now_s
);

/// What `make_token` says.
struct NewToken {
    std::string subject{};
    http::Roles roles{};
    std::int64_t customer = 0;
    std::int64_t issued_s = 0;
    std::int64_t expires_s = 0;
};

/// A token that `verify` takes by the same policy, signed by a secret.
std::string make_token(const NewToken& token, const Key& secret, const Policy& policy);

}  // namespace bookstore::auth
