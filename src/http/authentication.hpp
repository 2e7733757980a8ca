#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "http/roles.hpp"

namespace bookstore::http {

/// Who asks.
struct Identity {
    std::string subject;  ///< empty: nothing but roles is known
    Roles roles;
    std::int64_t customer = 0;  ///< the customer that he is; 0: none
};

/// Says who asks, by the header alone. It may be used by any number of threads.
class Authentication {
  public:
    virtual ~Authentication() = default;
    /// Who it is, or why he is refused (401, or 503 while nobody can tell).
    virtual std::expected<std::shared_ptr<const Identity>, Problem> identify(const Request& request
    ) const = 0;
};

/// RFC 6750: 401 when there is no token (`error` is empty), or a token that is not taken.
Problem unauthorized(std::string message, std::string_view error = {}, std::string_view why = {});
/// 403: who asks has none of these roles.
Problem lacks_role(Roles needed, const Identity& asking);

/// What an answer that depends on who asks says to caches.
void mark_private(Response& response);

}  // namespace bookstore::http
