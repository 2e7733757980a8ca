#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "auth/base64url.hpp"
#include "auth/jwks.hpp"
#include "auth/token.hpp"
#include "support/signing_key.hpp"

// What attackers do with tokens (RFC 8725), and what an issuer may do.

namespace bookstore::test {
namespace {

using auth::Key;
using auth::Keys;
using auth::Policy;
using http::Role;

constexpr std::int64_t now_s = 1'599'713'435;
constexpr std::string_view good_claims =
    R"({"sub":"kim","exp":1599713495,"roles":["courier"],"iss":"https://id.example","aud":"shop"})";

const Policy policy{.issuer = "https://id.example", .audience = "shop"};

const SigningKey& rsa() {
    static const SigningKey key = SigningKey::rsa();
    return key;
}
const SigningKey& p256() {
    static const SigningKey key = SigningKey::p256();
    return key;
}
const SigningKey& ed25519() {
    static const SigningKey key = SigningKey::ed25519();
    return key;
}

Keys keys_of(const std::string& jwks) {
    auto set = auth::read_jwks(jwks);
    REQUIRE_MESSAGE(set.has_value(), (set ? std::string() : set.error()));
    return set->keys;
}

const Keys& all_keys() {
    static const Keys keys =
        keys_of(jwks_of(rsa().jwk("rsa") + "," + p256().jwk("ec") + "," + ed25519().jwk("ed")));
    return keys;
}

Key secret(std::string_view text = "a secret of 32 bytes, or of more") {
    return Key::secret(std::string(text)).value();
}

/// Empty: it is taken.
std::string said_of(
    std::string_view token,
    const Keys& keys = all_keys(),
    const Policy& by = policy,
    std::int64_t at_s = now_s
) {
    const auto claims = auth::verify(token, keys, by, at_s);
    return claims ? std::string() : claims.error().why;
}

auto by(const SigningKey& key) {
    return [&key](std::string_view text) { return key.sign(text); };
}

std::string with_header(std::string_view header) {
    return token_of(header, good_claims, by(rsa()));
}

/// Signed as it must be, of these claims alone.
std::string said_of_claims(std::string_view claims, const Policy& by = policy) {
    return said_of(token_of(ed25519(), claims), all_keys(), by);
}

/// The claims that are good, with these members in place of the ones of the same name.
std::string said_with(std::string_view members, const Policy& by = policy) {
    std::string claims = "{";
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"exp", "1599713495"}, {"iss", "\"https://id.example\""}, {"aud", "\"shop\""}
         }) {
        if (!members.contains("\"" + name + "\":")) {
            claims += "\"" + name + "\":" + value + ",";
        }
    }
    return said_of_claims(claims + std::string(members) + "}", by);
}

}  // namespace

TEST_CASE("a token of each algorithm is taken, with what it says") {
    for (const SigningKey* key : {&rsa(), &p256(), &ed25519()}) {
        CAPTURE(key->algorithm());
        for (const std::string_view kid : {"", "rsa", "ec", "ed"}) {
            const auto claims =
                auth::verify(token_of(*key, good_claims, kid), all_keys(), policy, now_s);
            const bool own = kid.empty() || (kid == "rsa" && key == &rsa()) ||
                             (kid == "ec" && key == &p256()) || (kid == "ed" && key == &ed25519());
            REQUIRE_EQ(claims.has_value(), own);
            if (own) {
                CHECK_EQ(claims->subject, "kim");
                CHECK_EQ(http::listed(claims->roles), "courier");
                CHECK_EQ(claims->customer, 0);
                CHECK_EQ(claims->expires_s, 1'599'713'495);
            } else {
                CHECK(claims.error().unknown_key);
            }
        }
    }
}

TEST_CASE("a token that we make is taken by the same policy") {
    const Policy dotted{
        .issuer = "a", .audience = "b", .roles_claim = "realm.roles", .customer_claim = "shop.id"
    };
    for (const Policy& each : {Policy(), policy, dotted}) {
        const auto token = auth::make_token(
            {.subject = "홍길동",
             .roles = Role::customer | Role::operators,
             .customer = 7,
             .issued_s = now_s,
             .expires_s = now_s + 60},
            secret(),
            each
        );
        const auto claims = auth::verify(token, {secret()}, each, now_s);
        REQUIRE(claims.has_value());
        CHECK_EQ(claims->subject, "홍길동");
        CHECK_EQ(http::listed(claims->roles), "customer, operator");
        CHECK_EQ(claims->customer, 7);
        CHECK_NE(said_of(token, {secret("another secret of 32 bytes or so")}, each), "");
    }
}

TEST_CASE("no algorithm is none, however it is written, and none is guessed") {
    for (const std::string_view alg :
         {"none",
          "None",
          "NONE",
          "nOnE",
          "",
          " none",
          "rs256",
          "Rs256",
          "RS256 ",
          "RS384",
          "RS512",
          "PS256",
          "ES384",
          "ES256K",
          "HS384",
          "HS512",
          "EDDSA",
          "Ed25519",
          "HS256\\u0000"}) {
        CAPTURE(alg);
        const std::string header = fmt::format(R"({{"alg":"{}"}})", alg);
        for (const std::string_view signature : {"", "x"}) {
            const auto token = token_of(header, good_claims, [&](std::string_view) {
                return std::string(signature);
            });
            CHECK_NE(said_of(token), "");
        }
        CHECK_EQ(said_of(with_header(header)), "its alg is none of RS256, ES256, EdDSA and HS256");
    }
    for (const std::string_view header :
         {R"({})",
          R"({"typ":"JWT"})",
          R"({"alg":null})",
          R"({"alg":["RS256"]})",
          R"({"alg":0})",
          R"({"Alg":"RS256"})"}) {
        CHECK_EQ(said_of(with_header(header)), "its alg is none of RS256, ES256, EdDSA and HS256");
    }
}

TEST_CASE("a public key is no secret: HS256 with it is not taken") {
    const auto signed_by = [](const std::string& bytes) {
        return token_of(R"({"alg":"HS256"})", good_claims, [&](std::string_view text) {
            return secret(bytes).sign(text);
        });
    };
    const std::string set = jwks_of(rsa().jwk("rsa"));
    for (const std::string& known : {rsa().pem(), rsa().jwk("rsa"), set}) {
        CHECK_EQ(said_of(signed_by(known)), "there is no key for it");
        // Nor where a secret is known beside it.
        Keys both = all_keys();
        both.push_back(secret());
        CHECK_EQ(said_of(signed_by(known), both), "its signature is not that of a key here");
    }
    const std::string own = "a secret that stands in a set of keys";
    const auto with_secret = fmt::format(
        R"({},{{"kty":"oct","k":"{}","alg":"HS256"}})", rsa().jwk("rsa"), base64url(own)
    );
    CHECK_EQ(said_of(signed_by(own), keys_of(jwks_of(with_secret))), "there is no key for it");
}

TEST_CASE("a key is used with its own algorithm alone") {
    const std::vector<const SigningKey*> signers{&rsa(), &p256(), &ed25519()};
    for (const SigningKey* signer : signers) {
        for (const std::string_view alg : {"RS256", "ES256", "EdDSA", "HS256"}) {
            const auto token =
                token_of(fmt::format(R"({{"alg":"{}"}})", alg), good_claims, by(*signer));
            CHECK_EQ(said_of(token).empty(), alg == signer->algorithm());
        }
    }
    // What a key says of itself counts, too.
    for (const std::string_view more :
         {R"("alg":"PS256")",
          R"("alg":"ES256")",
          R"("alg":"none")",
          R"("alg":7)",
          R"("use":"enc")",
          R"("use":null)",
          R"("key_ops":["sign"])",
          R"("key_ops":[])",
          R"("key_ops":"verify")",
          R"("kid":7)"}) {
        CHECK_FALSE(auth::read_jwks(jwks_of(rsa().jwk("", more))).has_value());
    }
    for (const std::string_view more :
         {R"("alg":"RS256","use":"sig","key_ops":["verify"])", R"("x5t":"abc","ext":true)"}) {
        CHECK_EQ(
            said_of(with_header(R"({"alg":"RS256"})"), keys_of(jwks_of(rsa().jwk("", more)))), ""
        );
    }
}

TEST_CASE("keys and places of keys that a token brings along are never followed") {
    const SigningKey own = SigningKey::rsa();
    for (const std::string& header :
         {fmt::format(R"({{"alg":"RS256","jwk":{}}})", own.jwk("mine")),
          std::string(R"({"alg":"RS256","jku":"http://127.0.0.1:1/keys","kid":"mine"})"),
          std::string(R"({"alg":"RS256","x5u":"http://127.0.0.1:1/cert","x5c":["MII"]})"),
          std::string(R"({"alg":"RS256","kid":"../../../../dev/null"})"),
          std::string(R"({"alg":"RS256","kid":"' OR 1=1 --"})"),
          std::string(R"({"alg":"RS256","kid":"rsa\u0000"})"),
          std::string(R"({"alg":"RS256","kid":""})"),
          std::string(R"({"alg":"RS256","kid":"rsa"})")}) {
        CAPTURE(header);
        CHECK_NE(said_of(token_of(header, good_claims, by(own))), "");
    }
    CHECK_EQ(said_of(with_header(R"({"alg":"RS256","kid":7})")), "its kid is no text");
    CHECK_EQ(said_of(with_header(R"({"alg":"RS256","kid":null})")), "its kid is no text");
}

TEST_CASE("what a header demands and is not known is refused, and so are tokens of other kinds") {
    for (const std::string_view header :
         {R"({"alg":"RS256","crit":["exp"],"exp":1})",
          R"({"alg":"RS256","crit":[]})",
          R"({"alg":"RS256","crit":null})",
          R"({"alg":"RS256","crit":["b64"],"b64":false})"}) {
        CHECK_EQ(
            said_of(with_header(header)), "its header has crit, of which nothing is known here"
        );
    }
    for (const std::string_view type :
         {"\"dpop+jwt\"", "\"logout+jwt\"", "\"secevent+jwt\"", "\"JWE\"", "\"\"", "7", "null"}) {
        const auto token = with_header(fmt::format(R"({{"alg":"RS256","typ":{}}})", type));
        CHECK_EQ(said_of(token), "its typ is not JWT or at+jwt");
    }
    for (const std::string_view type : {"JWT", "jwt", "at+jwt", "application/at+JWT"}) {
        const auto token = with_header(fmt::format(R"({{"alg":"RS256","typ":"{}"}})", type));
        CHECK_EQ(said_of(token), "");
    }
}

TEST_CASE("a name that stands twice is refused, in the header and in the claims") {
    for (const std::string_view header :
         {R"({"alg":"none","alg":"RS256"})", R"({"alg":"RS256","\u0061lg":"RS256"})"}) {
        CHECK_EQ(
            said_of(with_header(header)), "its header is no JSON object with each name given once"
        );
    }
    for (const std::string_view claims :
         {R"({"exp":1,"exp":1599713495,"iss":"https://id.example","aud":"shop"})",
          R"({"exp":1599713495,"iss":"https://id.example","aud":"shop","a":{"b":1,"b":2}})"}) {
        CHECK_EQ(said_of_claims(claims), "its claims are no JSON object with each name given once");
    }
    CHECK_FALSE(auth::read_jwks(R"({"keys":[],)" + jwks_of(rsa().jwk("a")).substr(1)).has_value());
}

TEST_CASE("a token is three parts of base64url, written in one way") {
    const std::string token = token_of(rsa(), good_claims);
    REQUIRE_EQ(said_of(token), "");
    const std::size_t first = token.find('.');
    const std::size_t second = token.rfind('.');
    const std::string signature = token.substr(second + 1);
    for (const std::string& bad :
         {std::string(),
          std::string("."),
          std::string(".."),
          std::string("..."),
          token.substr(0, second),
          token.substr(0, second + 1),
          token.substr(first),
          token.substr(first + 1),
          token + ".",
          token + "." + signature,
          "." + token,
          token + "=",
          token + "==",
          token + " ",
          token + "\n",
          " " + token,
          token + "A",
          token + "AA",
          token + std::string(1, '\0'),
          token.substr(0, token.size() - 1),
          token.substr(0, first) + "=" + token.substr(first),
          token.substr(0, second) + ".A"}) {
        CAPTURE(bad);
        CHECK_NE(said_of(bad), "");
    }
    for (const char wrong : {'+', '/', '=', ' ', '%', '\n', '\x80'}) {
        for (const std::size_t at : {std::size_t{0}, first + 1, second + 1}) {
            std::string bad = token;
            bad[at] = wrong;
            CHECK_EQ(said_of(bad), "a part of it is not base64url");
        }
    }
    // The last digit of 256 bytes holds two bits that say nothing.
    std::string other = token;
    const auto digit = std::string_view("AQgw").find(other.back());
    REQUIRE_NE(digit, std::string_view::npos);
    other.back() = "BRhx"[digit];
    CHECK_EQ(said_of(other), "a part of it is not base64url");
}

TEST_CASE("a byte of a token that is another one makes it another token") {
    for (const SigningKey* key : {&rsa(), &p256(), &ed25519()}) {
        const std::string token = token_of(*key, good_claims);
        for (std::size_t i = 0; i < token.size(); i += 7) {
            std::string bad = token;
            bad[i] = bad[i] == 'A' ? 'B' : 'A';
            CHECK_NE(said_of(bad), "");
        }
    }
}

TEST_CASE("a signature of ES256 is two numbers of 32 bytes, neither of them zero") {
    const std::string_view header = R"({"alg":"ES256"})";
    const std::string zero(32, '\0');
    const std::string order = "\xFF\xFF\xFF\xFF" + std::string(4, '\0') + std::string(8, '\xFF') +
                              "\xBC\xE6\xFA\xAD\xA7\x17\x9E\x84\xF3\xB9\xCA\xC2\xFC\x63\x25\x51";
    REQUIRE_EQ(order.size(), 32);
    const auto said_of_signature = [&](const auto& change) {
        return said_of(token_of(header, good_claims, [&](std::string_view text) {
            return change(p256().sign(text));
        }));
    };
    CHECK_EQ(said_of_signature([](std::string s) { return s; }), "");
    for (const std::string& bad :
         {zero + zero,
          zero + std::string(32, '\x01'),
          std::string(32, '\x01') + zero,
          order + order,
          std::string(64, '\xFF'),
          std::string(1, '\0'),
          std::string(63, '\x01'),
          std::string(65, '\x01'),
          std::string(128, '\x01')}) {
        CHECK_NE(said_of_signature([&](const std::string&) { return bad; }), "");
    }
    CHECK_NE(said_of_signature([&](std::string s) { return s + std::string(1, '\0'); }), "");
    CHECK_NE(said_of_signature([&](std::string s) { return s.substr(0, 63); }), "");
    CHECK_NE(said_of_signature([&](std::string s) { return zero + s.substr(32); }), "");
    CHECK_NE(said_of_signature([&](std::string s) { return s.substr(32) + s.substr(0, 32); }), "");
}

TEST_CASE("a token has its time, and 30 s more or less") {
    const auto at = [](std::string_view members, std::int64_t moved_s) {
        const auto token = token_of(
            ed25519(), fmt::format(R"({{"iss":"https://id.example","aud":"shop",{}}})", members)
        );
        return said_of(token, all_keys(), policy, 1'000'000 + moved_s);
    };
    CHECK_EQ(at(R"("exp":1000000)", 29), "");
    CHECK_EQ(at(R"("exp":1000000)", 30), "it has expired");
    CHECK_EQ(at(R"("exp":1000000.5)", 30), "");
    CHECK_EQ(at(R"("exp":1e6)", 29), "");
    CHECK_EQ(at(R"("exp":2000000,"nbf":1000000)", -30), "");
    CHECK_EQ(at(R"("exp":2000000,"nbf":1000000)", -31), "it is not valid yet");
    CHECK_EQ(at(R"("exp":2000000,"iat":1000000)", -30), "");
    CHECK_EQ(at(R"("exp":2000000,"iat":1000000)", -31), "it was issued in the future");
    CHECK_EQ(at(R"("nbf":1)", 0), "it has no exp");
    for (const std::string_view bad :
         {"null",
          "\"2000000\"",
          "true",
          "[2000000]",
          "-1",
          "1e300",
          "9223372036854775807",
          "18446744073709551615",
          "253402300800"}) {
        CAPTURE(bad);
        CHECK_EQ(
            at(fmt::format(R"("exp":{})", bad), 0), "its exp is no time in seconds since 1970"
        );
        CHECK_EQ(
            at(fmt::format(R"("exp":2000000,"nbf":{})", bad), 0),
            "its nbf is no time in seconds since 1970"
        );
    }
}

TEST_CASE("a token is of the issuer, and for the audience") {
    for (const std::string_view bad :
         {R"("iss":"https://id.example/")",
          R"("iss":"HTTPS://id.example")",
          R"("iss":null)",
          R"("iss":["https://id.example"])",
          R"("iss":"")"}) {
        CHECK_EQ(said_with(bad), "its iss is not the issuer that is trusted here");
    }
    CHECK_EQ(
        said_of_claims(R"({"exp":1599713495,"aud":"shop"})"),
        "its iss is not the issuer that is trusted here"
    );
    for (const std::string_view bad :
         {R"("aud":"Shop")",
          R"("aud":"shop2")",
          R"("aud":[])",
          R"("aud":["other"])",
          R"("aud":[["shop"]])",
          R"("aud":null)",
          R"("aud":{"shop":1})",
          R"("aud":"other shop")"}) {
        CHECK_EQ(said_with(bad), "it is for another audience");
    }
    CHECK_EQ(
        said_of_claims(R"({"exp":1599713495,"iss":"https://id.example"})"),
        "it is for another audience"
    );
    CHECK_EQ(said_with(R"("aud":["other",7,"shop"])"), "");
    // Who is nobody's audience takes no token that is for somebody (RFC 7519 4.1.3).
    CHECK_EQ(said_with(R"("aud":"shop")", Policy{}), "it is for another audience");
    CHECK_EQ(said_of_claims(R"({"exp":1599713495})", Policy{}), "");
}

TEST_CASE("roles and customer are where the policy says") {
    const auto claims_of = [](std::string_view members, const Policy& where) {
        return auth::verify(
            token_of(ed25519(), fmt::format(R"({{"exp":1599713495,{}}})", members)),
            all_keys(),
            where,
            now_s
        );
    };
    const auto roles = [&](std::string_view members, std::string path) {
        return http::listed(claims_of(members, Policy{.roles_claim = std::move(path)})->roles);
    };
    CHECK_EQ(roles(R"("roles":["operator","courier"])", "roles"), "courier, operator");
    CHECK_EQ(roles(R"("roles":"operator  courier ")", "roles"), "courier, operator");
    CHECK_EQ(roles(R"("roles":["Operator","admin",7,null,["courier"]])", "roles"), "");
    CHECK_EQ(roles(R"("roles":{"operator":true})", "roles"), "");
    CHECK_EQ(roles(R"("a":1)", "roles"), "");
    CHECK_EQ(roles(R"("realm_access":{"roles":["customer"]})", "realm_access.roles"), "customer");
    CHECK_EQ(roles(R"("a.b":{"c":["customer"]})", "a.b.c"), "customer");
    CHECK_EQ(roles(R"("a":{"b":7},"a.b":{"c":["customer"]})", "a.b.c"), "customer");
    CHECK_EQ(
        roles(R"("https://shop.example/roles":"courier")", "https://shop.example/roles"), "courier"
    );
    CHECK_EQ(roles(R"("a":{"b":"courier"})", "a.b.c"), "");

    const auto customer = [&](std::string_view members) {
        const auto claims = claims_of(members, Policy{});
        return claims ? fmt::to_string(claims->customer) : claims.error().why;
    };
    CHECK_EQ(customer(R"("customer_id":7)"), "7");
    CHECK_EQ(customer(R"("customer_id":"7")"), "7");
    CHECK_EQ(customer(R"("customer_id":null)"), "0");
    CHECK_EQ(customer(R"("a":1)"), "0");
    for (const std::string_view bad :
         {"0",
          "-1",
          "1.0",
          "\"\"",
          "\"0\"",
          "\"07\"",
          "\" 7\"",
          "\"7 \"",
          "\"+7\"",
          "\"7x\"",
          "[7]",
          "true",
          "18446744073709551615",
          "\"9223372036854775808\""}) {
        CAPTURE(bad);
        CHECK_EQ(
            customer(fmt::format(R"("customer_id":{})", bad)),
            "the customer that it names is no whole number from 1"
        );
    }
    CHECK_EQ(said_with(R"("sub":7)"), "its sub is no text, or too long");
    CHECK_EQ(
        said_with(fmt::format(R"("sub":"{}")", std::string(256, 'a'))),
        "its sub is no text, or too long"
    );
}

TEST_CASE("what is no JSON object is no header and no claims; what is too large is not read") {
    const std::string deep = std::string(100, '[') + std::string(100, ']');
    for (const std::string& bad :
         {std::string(),
          std::string("null"),
          std::string("[]"),
          std::string("\"alg\""),
          std::string("{"),
          std::string("{}{}"),
          std::string("{\"a\":1,}"),
          std::string("{\"a\":\"\xFF\"}"),
          "{\"a\":" + deep + "}"}) {
        CHECK_NE(said_of(with_header(bad)), "");
        CHECK_NE(said_of_claims(bad, Policy{}), "");
    }
    const auto padded = [](std::size_t size) {
        return fmt::format(R"({{"exp":1599713495,"x":"{}"}})", std::string(size, 'a'));
    };
    CHECK_EQ(said_of_claims(padded(4'000), Policy{}), "");
    CHECK_EQ(said_of_claims(padded(auth::most_token_bytes), Policy{}), "it is too long");
    CHECK_EQ(said_of(std::string(1 << 20, '.')), "it is too long");
}

TEST_CASE("without a kid some keys are tried, and not any number of them") {
    std::string set;
    for (int i = 0; i < 10; ++i) {
        set += (i > 0 ? "," : "") + SigningKey::ed25519().jwk("");
    }
    const SigningKey last = SigningKey::ed25519();
    const std::string token = token_of(last, good_claims, "last");
    CHECK_EQ(
        said_of(token, keys_of(jwks_of(set + "," + last.jwk("last")))),
        "its signature is not that of a key here"
    );
    CHECK_EQ(said_of(token, keys_of(jwks_of(last.jwk("last") + "," + set))), "");
}

TEST_CASE("a set of keys that is broken, empty or huge is none") {
    const std::string good = rsa().jwk("a");
    for (const std::string& bad :
         {std::string(),
          std::string("null"),
          std::string("{}"),
          std::string("[]"),
          std::string(R"({"keys":{}})"),
          std::string(R"({"keys":[]})"),
          std::string(R"({"keys":[7,null,"x",{}]})"),
          std::string(R"({"keys":[{"kty":"RSA"}]})"),
          jwks_of(good).substr(0, 100),
          jwks_of(good) + "x",
          jwks_of(SigningKey::rsa(1024).jwk("")),
          jwks_of(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})"),
          jwks_of(R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})"),
          jwks_of(fmt::format(
              R"({{"kty":"EC","crv":"P-256","x":"{0}","y":"{0}"}})", base64url(std::string(32, 1))
          )),
          jwks_of(fmt::format(
              R"({{"kty":"EC","crv":"P-256","x":"{0}","y":"{0}"}})",
              base64url(std::string(32, '\0'))
          )),
          jwks_of(R"({"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"})"),
          jwks_of(R"({"kty":"OKP","crv":"X25519","x":"AAAA"})"),
          jwks_of(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})"),
          std::string(auth::most_jwks_bytes + 1, ' ')}) {
        CHECK_FALSE(auth::read_jwks(bad).has_value());
    }
    std::string many = good;
    for (std::size_t i = 1; i < auth::most_keys; ++i) {
        many += "," + ed25519().jwk("");
    }
    CHECK(auth::read_jwks(jwks_of(many)).has_value());
    CHECK_FALSE(auth::read_jwks(jwks_of(many + "," + good)).has_value());
    // What is of no use in a set does not take the rest of it away.
    const auto mixed = auth::read_jwks(jwks_of(R"({"kty":"RSA","kid":"old"},)" + good));
    REQUIRE(mixed.has_value());
    CHECK_EQ(mixed->keys.size(), 1);
    CHECK_EQ(
        mixed->left_out,
        std::vector<std::string>{"key 1 (\"old\"): its numbers are too large, or missing"}
    );
}

TEST_CASE("RSA keys whose numbers are no key's, and secrets that are too short, are none") {
    const std::string even = std::string(256, '\xFE');
    const std::string odd = std::string(256, '\xFF');
    CHECK(Key::rsa(odd, "\x01" + std::string(1, '\0') + "\x01").has_value());
    CHECK_FALSE(Key::rsa(even, "\x03").has_value());
    CHECK_FALSE(Key::rsa(odd, "\x01").has_value());
    CHECK_FALSE(Key::rsa(odd, "\x02").has_value());
    CHECK_FALSE(Key::rsa(odd, "").has_value());
    CHECK_FALSE(Key::rsa(odd, std::string(9, '\x03')).has_value());
    CHECK_FALSE(Key::rsa(std::string(255, '\xFF'), "\x03").has_value());
    CHECK_FALSE(Key::rsa(std::string(2000, '\xFF'), "\x03").has_value());
    CHECK_FALSE(Key::secret(std::string(31, 'a')).has_value());
    CHECK(Key::secret(std::string(32, 'a')).has_value());
    CHECK_FALSE(Key::secret(std::string(1025, 'a')).has_value());
}

TEST_CASE("base64url is written in one way") {
    CHECK_EQ(auth::from_base64url(""), "");
    CHECK_EQ(auth::from_base64url("-_8"), "\xFB\xFF");
    for (const std::string_view bad :
         {"A", "AAAAA", "-_9", "AB", "AA=", "AA==", "+/8", "A A", "AA\n"}) {
        CAPTURE(bad);
        CHECK_FALSE(auth::from_base64url(bad).has_value());
    }
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        CHECK_EQ(auth::to_base64url(bytes), base64url(bytes));
        CHECK_EQ(auth::from_base64url(auth::to_base64url(bytes)), bytes);
        bytes += static_cast<char>(i * 7);
    }
}

}  // namespace bookstore::test
