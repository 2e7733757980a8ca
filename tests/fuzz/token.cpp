#include "auth/token.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "auth/base64url.hpp"
#include "auth/jwks.hpp"
#include "fuzz/fuzz.hpp"

namespace bookstore::fuzz {
namespace {

using auth::Key;
using auth::Keys;
using auth::Policy;

constexpr std::int64_t now_s = 1'599'713'435;

/// Of P-256 and Ed25519; nobody has their private halves any more.
constexpr std::string_view public_keys = R"({"keys":[{"kty":"EC","crv":"P-256","kid":"ec",)"
                                         R"("x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",)"
                                         R"("y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"},)"
                                         R"({"kty":"OKP","crv":"Ed25519","kid":"ed",)"
                                         R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

const Key& secret() {
    static const Key key = Key::secret("the secret of the fuzzed tokens.").value();
    return key;
}

const Keys& keys() {
    static const Keys all = [] {
        Keys read = auth::read_jwks(public_keys).value().keys;
        read.push_back(secret());
        return read;
    }();
    return all;
}

const std::vector<Policy>& policies() {
    static const std::vector<Policy> all{
        {},
        {.issuer = "https://id.example", .audience = "shop", .roles_claim = "realm_access.roles"}
    };
    return all;
}

/// Of a token that is taken: nobody can write it in another way.
void check_taken(std::string_view token, const Policy& policy) {
    require(std::ranges::count(token, '.') == 2, "not three parts");
    std::string_view rest = token;
    while (!rest.empty()) {
        const auto part = rest.substr(0, rest.find('.'));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        const auto bytes = auth::from_base64url(part);
        require(bytes && auth::to_base64url(*bytes) == part, "a part that is not base64url");
    }
    for (const std::size_t at : {std::size_t{0}, token.size() / 2, token.size() - 1}) {
        std::string other(token);
        other[at] = other[at] == 'A' ? 'B' : 'A';
        require(!auth::verify(other, keys(), policy, now_s), "another token is taken, too");
    }
    for (const std::string& other :
         {std::string(token) + "A",
          std::string(token) + "=",
          std::string(token.substr(0, token.size() - 1))}) {
        require(!auth::verify(other, keys(), policy, now_s), "a token with more or less is taken");
    }
    require(!auth::verify(token, {}, policy, now_s), "taken without a key");
}

void check_refusal(const auth::Refusal& refusal) {
    require(!refusal.why.empty(), "refused without a reason");
    require(
        std::ranges::all_of(
            refusal.why, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }
        ),
        "a reason that no header may have"
    );
}

void check_token(std::string_view token) {
    for (const Policy& policy : policies()) {
        const auto claims = auth::verify(token, keys(), policy, now_s);
        if (claims) {
            check_taken(token, policy);
        } else {
            check_refusal(claims.error());
        }
    }
}

/// Signed by who may: what is taken then says what we read in it.
void check_signed(std::string_view header, std::string_view claims_text) {
    std::string token = auth::to_base64url(header) + "." + auth::to_base64url(claims_text);
    token += "." + auth::to_base64url(secret().sign(token));
    for (const Policy& policy : policies()) {
        const auto claims = auth::verify(token, keys(), policy, now_s);
        if (!claims) {
            check_refusal(claims.error());
            continue;
        }
        check_taken(token, policy);
        const auto head = read_back(header);
        require(head.at("alg").as_string() == "HS256", "another algorithm");
        require(!head.as_object().contains("crit"), "crit is not looked at");
        const auto said = read_back(claims_text);
        const double expires = said.at("exp").to_number<double>();
        require(now_s < expires + auth::leeway_s, "it has expired");
        require(claims->customer >= 0, "a customer that is none");
        const auto* audience = said.as_object().if_contains("aud");
        require(policy.audience.empty() == (audience == nullptr), "another's audience");
        if (!policy.issuer.empty()) {
            require(said.at("iss").as_string() == policy.issuer, "another's issuer");
        }
        require(claims->roles.empty() || claims_text.contains("oles"), "roles out of nowhere");
    }
}

void check_jwks(std::string_view text) {
    const auto set = auth::read_jwks(text);
    if (!set) {
        require(!set.error().empty(), "refused without a reason");
        return;
    }
    read_back(text);
    require(!set->keys.empty() && set->keys.size() <= auth::most_keys, "no keys, or too many");
    for (const Key& key : set->keys) {
        require(key.algorithm() != auth::Algorithm::hs256, "a public secret");
        for (const std::size_t size : {std::size_t{0}, std::size_t{64}, std::size_t{256}}) {
            require(!key.verifies("text", std::string(size, '\0')), "zeros are a signature");
        }
    }
}

}  // namespace

void token(std::string_view input) {
    const std::string_view what = take_line(input);
    if (what == "signed") {
        const std::string_view header = take_line(input);
        check_signed(header, input);
    } else if (what == "jwks") {
        check_jwks(input);
    } else {
        check_token(input);
    }
}

}  // namespace bookstore::fuzz
