#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key.hpp"

namespace bookstore::auth {

inline constexpr std::size_t most_jwks_bytes = 256 << 10;
inline constexpr std::size_t most_keys = 64;

/// What a JSON Web Key Set (RFC 7517) has for who verifies signatures.
struct KeySet {
    Keys keys;
    /// Why others of it are not used, a line each: "key 2 (\"old\"): it has 1024 bits ...".
    std::vector<std::string> left_out;
};

/// Reads a JWK set: RSA, P-256 and Ed25519 keys that are for signatures. Secrets (`oct`) in it are
/// never used: such a set is public as a rule. Says why there is no set, or no key of use in it.
std::expected<KeySet, std::string> read_jwks(std::string_view text);

}  // namespace bookstore::auth
