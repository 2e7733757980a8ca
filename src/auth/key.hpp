#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Keys and signatures, by OpenSSL, which stays inside the .cpp files.

struct evp_pkey_st;

namespace bookstore::auth {

enum class Algorithm { rs256, es256, eddsa, hs256 };

/// By its name in a token's header, as it is written there: "RS256". "none" is no name.
std::optional<Algorithm> algorithm_of(std::string_view name);

inline constexpr std::size_t least_secret_bytes = 32;
inline constexpr std::size_t most_secret_bytes = 1024;

/// A key that verifies signatures of one algorithm, the one that fits its type: what would have it
/// used with another is not there to be called. Constant: may be used by any number of threads.
class Key {
  public:
    /// Of RSA, 2048 to 8192 bits: modulus and exponent, big-endian. Otherwise says what is wrong
    /// with them; so do the others.
    static std::expected<Key, std::string> rsa(std::string_view n, std::string_view e);
    /// A point of the curve P-256.
    static std::expected<Key, std::string> p256(std::string_view x, std::string_view y);
    static std::expected<Key, std::string> ed25519(std::string_view x);
    /// Who has it can make tokens, too.
    static std::expected<Key, std::string> secret(std::string bytes);

    Algorithm algorithm() const { return algorithm_; }
    /// What a token may call it by; empty: nothing.
    const std::string& id() const { return id_; }
    void set_id(std::string id) { id_ = std::move(id); }

    bool verifies(std::string_view text, std::string_view signature) const;
    /// The signature of a text; of a secret alone.
    std::string sign(std::string_view text) const;

  private:
    Key(Algorithm algorithm, std::shared_ptr<evp_pkey_st> pkey)
        : algorithm_(algorithm), pkey_(std::move(pkey)) {}

    Algorithm algorithm_;
    std::shared_ptr<evp_pkey_st> pkey_;  ///< null of a secret
    std::string secret_;
    std::string id_;
};

using Keys = std::vector<Key>;

/// The SHA-256 of it, 32 bytes.
std::string sha256(std::string_view bytes);

}  // namespace bookstore::auth
