#include "support/signing_key.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace bookstore::test {
namespace {

constexpr std::size_t coordinate_bytes = 32;

void require(bool holds) {
    if (!holds) {
        throw std::runtime_error("OpenSSL failed");
    }
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) {
    require(key != nullptr);
    return {key, EVP_PKEY_free};
}

std::string number(EVP_PKEY* key, const char* name, std::size_t bytes = 0) {
    BIGNUM* found = nullptr;
    require(EVP_PKEY_get_bn_param(key, name, &found) == 1);
    const auto size = bytes > 0 ? bytes : static_cast<std::size_t>(BN_num_bytes(found));
    std::string text(size, '\0');
    BN_bn2binpad(
        found, reinterpret_cast<unsigned char*>(text.data()), static_cast<int>(text.size())
    );
    BN_free(found);
    return text;
}

/// r and s of a DER signature, 32 bytes each.
std::string raw_of(const std::vector<unsigned char>& der) {
    const unsigned char* at = der.data();
    ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    require(both != nullptr);
    std::string raw(2 * coordinate_bytes, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(both), out, coordinate_bytes);
    BN_bn2binpad(ECDSA_SIG_get0_s(both), out + coordinate_bytes, coordinate_bytes);
    ECDSA_SIG_free(both);
    return raw;
}

}  // namespace

SigningKey SigningKey::rsa(int bits) {
    return SigningKey(owned(EVP_RSA_gen(static_cast<unsigned>(bits))));
}

SigningKey SigningKey::p256() {
    return SigningKey(owned(EVP_EC_gen("P-256")));
}

SigningKey SigningKey::ed25519() {
    return SigningKey(owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")));
}

std::string SigningKey::algorithm() const {
    switch (EVP_PKEY_get_base_id(key_.get())) {
        case EVP_PKEY_RSA:
            return "RS256";
        case EVP_PKEY_EC:
            return "ES256";
        default:
            return "EdDSA";
    }
}

std::string SigningKey::jwk(std::string_view kid, std::string_view more) const {
    std::string members;
    const std::string name = algorithm();
    if (name == "RS256") {
        members = fmt::format(
            R"("kty":"RSA","n":"{}","e":"{}")",
            base64url(number(key_.get(), OSSL_PKEY_PARAM_RSA_N)),
            base64url(number(key_.get(), OSSL_PKEY_PARAM_RSA_E))
        );
    } else if (name == "ES256") {
        members = fmt::format(
            R"("kty":"EC","crv":"P-256","x":"{}","y":"{}")",
            base64url(number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, coordinate_bytes)),
            base64url(number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, coordinate_bytes))
        );
    } else {
        std::string raw(coordinate_bytes, '\0');
        std::size_t size = raw.size();
        require(
            EVP_PKEY_get_raw_public_key(
                key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size
            ) == 1
        );
        members = fmt::format(R"("kty":"OKP","crv":"Ed25519","x":"{}")", base64url(raw));
    }
    if (!kid.empty()) {
        members += fmt::format(R"(,"kid":"{}")", kid);
    }
    if (!more.empty()) {
        members += fmt::format(",{}", more);
    }
    return "{" + members + "}";
}

std::string SigningKey::pem() const {
    BIO* memory = BIO_new(BIO_s_mem());
    require(PEM_write_bio_PUBKEY(memory, key_.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(memory);
    return text;
}

std::string SigningKey::sign(std::string_view text) const {
    const std::string name = algorithm();
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    const EVP_MD* digest = name == "EdDSA" ? nullptr : EVP_sha256();
    require(EVP_DigestSignInit(context, nullptr, digest, nullptr, key_.get()) == 1);
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    require(EVP_DigestSign(context, nullptr, &size, bytes, text.size()) == 1);
    std::vector<unsigned char> signature(size);
    require(EVP_DigestSign(context, signature.data(), &size, bytes, text.size()) == 1);
    signature.resize(size);
    EVP_MD_CTX_free(context);
    return name == "ES256" ? raw_of(signature) : std::string(signature.begin(), signature.end());
}

std::string jwks_of(std::string_view keys) {
    return fmt::format(R"({{"keys":[{}]}})", keys);
}

std::string base64url(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4, '\0');
    EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()),
        reinterpret_cast<const unsigned char*>(bytes.data()),
        static_cast<int>(bytes.size())
    );
    for (char& c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    while (text.ends_with('=')) {
        text.pop_back();
    }
    return text;
}

std::string token_of(
    std::string_view header,
    std::string_view claims,
    const std::function<std::string(std::string_view text)>& sign
) {
    const std::string text = base64url(header) + "." + base64url(claims);
    return text + "." + base64url(sign(text));
}

std::string token_of(const SigningKey& key, std::string_view claims, std::string_view kid) {
    const std::string id = kid.empty() ? std::string() : fmt::format(R"(,"kid":"{}")", kid);
    return token_of(
        fmt::format(R"({{"alg":"{}","typ":"JWT"{}}})", key.algorithm(), id),
        claims,
        [&key](std::string_view text) { return key.sign(text); }
    );
}

}  // namespace bookstore::test
