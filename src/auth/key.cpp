#include "auth/key.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <utility>

namespace bookstore::auth {
namespace {

template <auto free>
struct Freed {
    template <class T>
    void operator()(T* made) const {
        free(made);
    }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

constexpr int least_rsa_bits = 2048;
constexpr int most_rsa_bits = 8192;
constexpr std::size_t most_exponent_bytes = 8;  // a larger one makes every verification slow
constexpr std::size_t coordinate_bytes = 32;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view bytes) {
    return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

/// The public key that is made of these; nothing when they are none.
std::shared_ptr<EVP_PKEY> public_key(const char* type, OSSL_PARAM* parameters) {
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* made = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return {made, EVP_PKEY_free};
}

bool is_sound(EVP_PKEY* key) {
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    const bool sound = context && EVP_PKEY_public_check(context.get()) == 1;
    ERR_clear_error();
    return sound;
}

/// OpenSSL wants the two numbers in DER; empty when they are none that a signature may have.
std::string der_of(std::string_view signature) {
    Number r = number_of(signature.substr(0, coordinate_bytes));
    Number s = number_of(signature.substr(coordinate_bytes));
    const EcSignature both(ECDSA_SIG_new());
    if (!r || !s || !both || BN_is_zero(r.get()) || BN_is_zero(s.get())) {
        return {};
    }
    if (ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) {
        return {};
    }
    // It owns the numbers now.
    static_cast<void>(r.release());
    static_cast<void>(s.release());
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(both.get(), &der);
    if (size <= 0) {
        return {};
    }
    std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return text;
}

bool verify(
    EVP_PKEY* key, const EVP_MD* digest, std::string_view text, std::string_view signature
) {
    const DigestContext context(EVP_MD_CTX_new());
    const bool good =
        context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
        EVP_DigestVerify(
            context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()
        ) == 1;
    if (!good) {
        ERR_clear_error();  // of this thread: whoever uses OpenSSL next would take it for his own
    }
    return good;
}

}  // namespace

std::optional<Algorithm> algorithm_of(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, Algorithm>, 4> known{
        {{"RS256", Algorithm::rs256},
         {"ES256", Algorithm::es256},
         {"EdDSA", Algorithm::eddsa},
         {"HS256", Algorithm::hs256}}
    };
    const auto found = std::ranges::find(known, name, &decltype(known)::value_type::first);
    return found == known.end() ? std::nullopt : std::optional(found->second);
}

std::expected<Key, std::string> Key::rsa(std::string_view n, std::string_view e) {
    if (n.size() > most_rsa_bits / 8 + 1 || e.empty() || e.size() > most_exponent_bytes) {
        return std::unexpected("its numbers are too large, or missing");
    }
    const Number modulus = number_of(n);
    const Number exponent = number_of(e);
    const int bits = modulus ? BN_num_bits(modulus.get()) : 0;
    if (bits < least_rsa_bits || bits > most_rsa_bits) {
        return std::unexpected(
            fmt::format("it has {} bits, not {} to {}", bits, least_rsa_bits, most_rsa_bits)
        );
    }
    if (!exponent || !BN_is_odd(modulus.get()) || !BN_is_odd(exponent.get()) ||
        BN_is_one(exponent.get())) {
        return std::unexpected("its numbers are no key's");
    }
    const Builder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
        throw std::bad_alloc();
    }
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    auto pkey = public_key("RSA", parameters.get());
    if (!pkey) {
        return std::unexpected("its numbers are no key's");
    }
    return Key(Algorithm::rs256, std::move(pkey));
}

std::expected<Key, std::string> Key::p256(std::string_view x, std::string_view y) {
    if (x.size() != coordinate_bytes || y.size() != coordinate_bytes) {
        return std::unexpected("its coordinates have not 32 bytes each");
    }
    std::string point = "\x04";  // uncompressed
    point += x;
    point += y;
    std::string curve = "P-256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), curve.size()),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()
    };
    auto pkey = public_key("EC", parameters);
    if (!pkey || !is_sound(pkey.get())) {
        return std::unexpected("its coordinates are no point of P-256");
    }
    return Key(Algorithm::es256, std::move(pkey));
}

std::expected<Key, std::string> Key::ed25519(std::string_view x) {
    if (x.size() != coordinate_bytes) {
        return std::unexpected("it has not 32 bytes");
    }
    std::shared_ptr<EVP_PKEY> pkey(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()), EVP_PKEY_free
    );
    if (!pkey) {
        ERR_clear_error();
        return std::unexpected("it is no key of Ed25519");
    }
    return Key(Algorithm::eddsa, std::move(pkey));
}

std::expected<Key, std::string> Key::secret(std::string bytes) {
    if (bytes.size() < least_secret_bytes || bytes.size() > most_secret_bytes) {
        return std::unexpected(fmt::format(
            "it has {} bytes, not {} to {}", bytes.size(), least_secret_bytes, most_secret_bytes
        ));
    }
    Key key(Algorithm::hs256, nullptr);
    key.secret_ = std::move(bytes);
    return key;
}

bool Key::verifies(std::string_view text, std::string_view signature) const {
    switch (algorithm_) {
        case Algorithm::rs256:
            return verify(pkey_.get(), EVP_sha256(), text, signature);
        case Algorithm::es256: {
            if (signature.size() != 2 * coordinate_bytes) {
                return false;
            }
            const std::string der = der_of(signature);
            return !der.empty() && verify(pkey_.get(), EVP_sha256(), text, der);
        }
        case Algorithm::eddsa:
            return verify(pkey_.get(), nullptr, text, signature);
        case Algorithm::hs256: {
            const std::string good = sign(text);
            return signature.size() == good.size() &&
                   CRYPTO_memcmp(signature.data(), good.data(), good.size()) == 0;
        }
    }
    return false;
}

std::string Key::sign(std::string_view text) const {
    std::string signature(SHA256_DIGEST_LENGTH, '\0');
    const auto* made = HMAC(
        EVP_sha256(),
        secret_.data(),
        static_cast<int>(secret_.size()),
        bytes_of(text),
        text.size(),
        reinterpret_cast<unsigned char*>(signature.data()),
        nullptr
    );
    if (made == nullptr || secret_.empty()) {
        throw std::logic_error("only a secret signs");
    }
    return signature;
}

std::string sha256(std::string_view bytes) {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(bytes_of(bytes), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
}

}  // namespace bookstore::auth
