#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bookstore::auth {

/// The bytes of base64url without padding (RFC 4648 section 5, RFC 7515). Nothing unless it is the
/// one way to write them: so a token cannot be written in another way and stay valid.
std::optional<std::string> from_base64url(std::string_view text);

std::string to_base64url(std::string_view bytes);

}  // namespace bookstore::auth
