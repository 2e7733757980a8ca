#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace bookstore::test {

/// A key pair as an issuer of tokens has it; its private half never leaves it.
class SigningKey {
  public:
    static SigningKey rsa(int bits = 2048);
    static SigningKey p256();
    static SigningKey ed25519();

    /// Its public half as a JWK: {"kty":...,"kid":KID, MORE}; no kid when it is empty.
    std::string jwk(std::string_view kid, std::string_view more = {}) const;
    /// Its public half in PEM: what an attacker has of it, too.
    std::string pem() const;
    /// As it stands in a token: r and s side by side of P-256.
    std::string sign(std::string_view text) const;
    /// "RS256", "ES256" or "EdDSA"
    std::string algorithm() const;

  private:
    explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

/// {"keys":[...]} of JWKs by comma.
std::string jwks_of(std::string_view keys);

std::string base64url(std::string_view bytes);

/// The token of that header and claims, as they are, with the signature that `sign` gives.
std::string token_of(
    std::string_view header,
    std::string_view claims,
    const std::function<std::string(std::string_view text)>& sign
);
/// Signed by the key, with its algorithm and perhaps a kid in the header.
std::string token_of(const SigningKey& key, std::string_view claims, std::string_view kid = {});

}  // namespace bookstore::test
