#include "auth/jwks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "auth/base64url.hpp"
#include "auth/strict_json.hpp"

namespace bookstore::auth {
namespace {

namespace json = boost::json;

constexpr std::size_t most_id_bytes = 256;

/// A number or a point of a key; empty when it is missing or malformed.
std::string bytes_member(const json::object& jwk, std::string_view name) {
    const auto text = text_member(jwk, name);
    return text ? from_base64url(*text).value_or("") : std::string();
}

std::expected<Key, std::string> key_of_type(const json::object& jwk) {
    const auto type = text_member(jwk, "kty").value_or("");
    const auto curve = text_member(jwk, "crv").value_or("");
    if (type == "RSA") {
        return Key::rsa(bytes_member(jwk, "n"), bytes_member(jwk, "e"));
    }
    if (type == "EC" && curve == "P-256") {
        return Key::p256(bytes_member(jwk, "x"), bytes_member(jwk, "y"));
    }
    if (type == "OKP" && curve == "Ed25519") {
        return Key::ed25519(bytes_member(jwk, "x"));
    }
    if (type == "oct") {
        return std::unexpected("it is a secret, which is given by --auth-secret-file alone");
    }
    return std::unexpected("it is of no type that is known here (RSA, P-256, Ed25519)");
}

/// Why the key is for something else than to verify signatures; empty: nothing says so.
std::string_view other_use(const json::object& jwk) {
    if (jwk.contains("use") && text_member(jwk, "use") != "sig") {
        return "its use is not sig";
    }
    if (const auto* operations = jwk.if_contains("key_ops")) {
        const auto* list = operations->if_array();
        if (list == nullptr || std::ranges::find(*list, json::value("verify")) == list->end()) {
            return "its key_ops have no verify";
        }
    }
    return {};
}

std::expected<Key, std::string> read_key(const json::value& value) {
    const auto* jwk = value.if_object();
    if (jwk == nullptr) {
        return std::unexpected("it is no object");
    }
    if (const auto why = other_use(*jwk); !why.empty()) {
        return std::unexpected(std::string(why));
    }
    auto key = key_of_type(*jwk);
    if (!key) {
        return key;
    }
    if (jwk->contains("alg") &&
        algorithm_of(text_member(*jwk, "alg").value_or("")) != key->algorithm()) {
        return std::unexpected("its alg is not the one of RS256, ES256 and EdDSA that fits it");
    }
    const auto id = text_member(*jwk, "kid");
    if ((jwk->contains("kid") && !id) || (id && id->size() > most_id_bytes)) {
        return std::unexpected("its kid is no text, or too long");
    }
    key->set_id(std::string(id.value_or("")));
    return key;
}

std::string name_of(const json::value& jwk) {
    const auto* object = jwk.if_object();
    const auto id = object != nullptr ? text_member(*object, "kid") : std::nullopt;
    return id ? fmt::format(" (\"{}\")", id->substr(0, most_id_bytes)) : std::string();
}

}  // namespace

std::expected<KeySet, std::string> read_jwks(std::string_view text) {
    if (text.size() > most_jwks_bytes) {
        return std::unexpected(fmt::format("it has more than {} bytes", most_jwks_bytes));
    }
    const auto set = strict_object(text);
    const auto* list = set ? set->if_contains("keys") : nullptr;
    if (list == nullptr || !list->is_array()) {
        return std::unexpected("it is no JSON object with an array \"keys\", each name given once");
    }
    if (list->get_array().size() > most_keys) {
        return std::unexpected(fmt::format("it has more than {} keys", most_keys));
    }
    KeySet read;
    for (const json::value& jwk : list->get_array()) {
        auto key = read_key(jwk);
        if (key) {
            read.keys.push_back(std::move(*key));
        } else {
            const auto number = read.keys.size() + read.left_out.size() + 1;
            read.left_out.push_back(fmt::format("key {}{}: {}", number, name_of(jwk), key.error()));
        }
    }
    if (read.keys.empty()) {
        return std::unexpected(fmt::format(
            "it has no key to verify signatures with{}{}",
            read.left_out.empty() ? "" : ": ",
            fmt::join(read.left_out, "; ")
        ));
    }
    return read;
}

}  // namespace bookstore::auth
