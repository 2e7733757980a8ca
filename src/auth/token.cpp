#include "auth/token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "auth/base64url.hpp"
#include "auth/strict_json.hpp"

namespace bookstore::auth {
namespace {

namespace json = boost::json;

constexpr std::size_t most_subject_bytes = 255;
constexpr double last_second = 253'402'300'799;  // of the year 9999

std::unexpected<Refusal> refused(std::string why) {
    return std::unexpected(Refusal{std::move(why)});
}

struct Header {
    Algorithm algorithm = Algorithm::rs256;
    std::string key_id;  ///< empty: none
};

/// "JWT" or "at+jwt", as `typ` may be written (RFC 9068): a token of another kind that the same
/// issuer has signed is not taken for one of these.
bool is_access_token(std::string_view type) {
    std::string word(type);
    std::ranges::transform(word, word.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    std::string_view rest = word;
    if (constexpr std::string_view family = "application/"; rest.starts_with(family)) {
        rest.remove_prefix(family.size());
    }
    return rest == "jwt" || rest == "at+jwt";
}

std::expected<Header, Refusal> read_header(std::string_view text) {
    const auto object = strict_object(text);
    if (!object) {
        return refused("its header is no JSON object with each name given once");
    }
    const auto algorithm = algorithm_of(text_member(*object, "alg").value_or(""));
    if (!algorithm) {
        return refused("its alg is none of RS256, ES256, EdDSA and HS256");
    }
    if (object->contains("crit")) {
        return refused("its header has crit, of which nothing is known here");
    }
    if (object->contains("typ") && !is_access_token(text_member(*object, "typ").value_or(""))) {
        return refused("its typ is not JWT or at+jwt");
    }
    const auto id = text_member(*object, "kid");
    if (object->contains("kid") && !id) {
        return refused("its kid is no text");
    }
    return Header{*algorithm, std::string(id.value_or(""))};
}

/// A key fits when its algorithm is the token's, and neither calls it by another name.
bool fits(const Key& key, const Header& header) {
    return key.algorithm() == header.algorithm &&
           (key.id().empty() || header.key_id.empty() || key.id() == header.key_id);
}

std::optional<Refusal> check_signature(
    const Header& header, std::string_view text, std::string_view signature, const Keys& keys
) {
    std::size_t tries = 0;
    bool named = false;
    for (const Key& key : keys) {
        if (!fits(key, header)) {
            continue;
        }
        if (key.verifies(text, signature)) {
            return std::nullopt;
        }
        named = named || (!key.id().empty() && key.id() == header.key_id);
        if (++tries == most_tries) {
            break;
        }
    }
    if (tries == 0) {
        return Refusal{"there is no key for it", true};
    }
    return Refusal{"its signature is not that of a key here", !named};
}

/// Seconds since 1970, perhaps with a fraction; nothing when it is no such number.
std::optional<double> time_of(const json::value& value) {
    if (!value.is_number()) {
        return std::nullopt;
    }
    const double seconds = value.to_number<double>();
    const bool sane = std::isfinite(seconds) && seconds >= 0 && seconds <= last_second;
    return sane ? std::optional(seconds) : std::nullopt;
}

/// Reads `exp`, `nbf` and `iat` and holds them against the time.
std::expected<std::int64_t, Refusal> check_times(const json::object& claims, std::int64_t now_s) {
    std::array<std::optional<double>, 3> times;
    constexpr std::array<std::string_view, 3> names{"exp", "nbf", "iat"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto* value = claims.if_contains(names[i]);
        if (value == nullptr) {
            continue;
        }
        times[i] = time_of(*value);
        if (!times[i]) {
            return refused(fmt::format("its {} is no time in seconds since 1970", names[i]));
        }
    }
    const auto& [expires, not_before, issued] = times;
    const auto now = static_cast<double>(now_s);
    if (!expires) {
        return refused("it has no exp");
    }
    if (now >= *expires + leeway_s) {
        return refused("it has expired");
    }
    if (not_before && now + leeway_s < *not_before) {
        return refused("it is not valid yet");
    }
    if (issued && now + leeway_s < *issued) {
        return refused("it was issued in the future");
    }
    return static_cast<std::int64_t>(*expires);
}

bool is_for(const json::value& audiences, std::string_view audience) {
    if (audiences.is_string()) {
        return audiences.get_string() == audience;
    }
    const auto* list = audiences.if_array();
    return list != nullptr && std::ranges::any_of(*list, [audience](const json::value& each) {
               return each.is_string() && each.get_string() == audience;
           });
}

std::optional<Refusal> check_parties(const json::object& claims, const Policy& policy) {
    if (!policy.issuer.empty() && text_member(claims, "iss") != policy.issuer) {
        return Refusal{"its iss is not the issuer that is trusted here"};
    }
    const auto* audiences = claims.if_contains("aud");
    if (policy.audience.empty() ? audiences != nullptr
                                : audiences == nullptr || !is_for(*audiences, policy.audience)) {
        return Refusal{"it is for another audience"};
    }
    return std::nullopt;
}

/// The member of that name, dots included, or what the path by dots leads to; null: nothing.
const json::value* claim_at(const json::object& claims, std::string_view path) {
    if (const auto* whole = claims.if_contains(path)) {
        return whole;
    }
    for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
        const auto* step = claims.if_contains(path.substr(0, dot));
        if (step == nullptr || !step->is_object()) {
            continue;
        }
        if (const auto* found = claim_at(step->get_object(), path.substr(dot + 1))) {
            return found;
        }
    }
    return nullptr;
}

void add_role(http::Roles& roles, std::string_view word) {
    if (const auto role = http::role_of(word)) {
        roles.add(*role);
    }
}

http::Roles roles_in(const json::value* claim) {
    http::Roles roles;
    if (claim == nullptr) {
        return roles;
    }
    if (const auto* list = claim->if_array()) {
        for (const json::value& each : *list) {
            add_role(roles, each.is_string() ? std::string_view(each.get_string()) : "");
        }
    } else if (claim->is_string()) {
        std::string_view words = claim->get_string();
        while (!words.empty()) {
            const std::size_t end = std::min(words.find(' '), words.size());
            add_role(roles, words.substr(0, end));
            words.remove_prefix(std::min(end + 1, words.size()));
        }
    }
    return roles;
}

/// 0: it names no customer. Nothing: it is no id.
std::optional<std::int64_t> customer_in(const json::value* claim) {
    if (claim == nullptr || claim->is_null()) {
        return 0;
    }
    std::int64_t id = 0;
    if (claim->is_int64()) {
        id = claim->get_int64();
    } else if (claim->is_string()) {
        const std::string_view text = claim->get_string();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
        if (error != std::errc() || end != text.data() + text.size() || text.front() == '0') {
            return std::nullopt;
        }
    }
    return id >= 1 ? std::optional(id) : std::nullopt;
}

std::expected<Claims, Refusal> read_claims(
    std::string_view text, const Policy& policy, std::int64_t now_s
) {
    const auto object = strict_object(text);
    if (!object) {
        return refused("its claims are no JSON object with each name given once");
    }
    const auto expires_s = check_times(*object, now_s);
    if (!expires_s) {
        return std::unexpected(expires_s.error());
    }
    if (auto refusal = check_parties(*object, policy)) {
        return std::unexpected(std::move(*refusal));
    }
    const auto subject = text_member(*object, "sub");
    if ((object->contains("sub") && !subject) ||
        (subject && subject->size() > most_subject_bytes)) {
        return refused("its sub is no text, or too long");
    }
    const auto customer = customer_in(claim_at(*object, policy.customer_claim));
    if (!customer) {
        return refused("the customer that it names is no whole number from 1");
    }
    return Claims{
        .subject = std::string(subject.value_or("")),
        .roles = roles_in(claim_at(*object, policy.roles_claim)),
        .customer = *customer,
        .expires_s = *expires_s
    };
}

/// Puts a value where `claim_at` finds it.
void put_claim(json::object& claims, std::string_view path, json::value value) {
    const std::size_t dot = path.find('.');
    if (dot == path.npos) {
        claims[path] = std::move(value);
        return;
    }
    json::value& step = claims[path.substr(0, dot)];
    if (!step.is_object()) {
        step = json::object();
    }
    put_claim(step.get_object(), path.substr(dot + 1), std::move(value));
}

}  // namespace

std::expected<Claims, Refusal> verify(
    std::string_view token, const Keys& keys, const Policy& policy, std::int64_t now_s
) {
    if (token.size() > most_token_bytes) {
        return refused("it is too long");
    }
    const std::size_t first = token.find('.');
    const std::size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
    if (second == token.npos || token.find('.', second + 1) != token.npos) {
        return refused("it has not three parts");
    }
    const auto header_text = from_base64url(token.substr(0, first));
    const auto claims_text = from_base64url(token.substr(first + 1, second - first - 1));
    const auto signature = from_base64url(token.substr(second + 1));
    if (!header_text || !claims_text || !signature || signature->empty()) {
        return refused("a part of it is not base64url");
    }
    const auto header = read_header(*header_text);
    if (!header) {
        return std::unexpected(header.error());
    }
    // Nothing that it claims is looked at before somebody is known to have signed it.
    if (auto refusal = check_signature(*header, token.substr(0, second), *signature, keys)) {
        return std::unexpected(std::move(*refusal));
    }
    return read_claims(*claims_text, policy, now_s);
}

std::string make_token(const NewToken& token, const Key& secret, const Policy& policy) {
    json::object claims;
    if (!token.subject.empty()) {
        claims["sub"] = token.subject;
    }
    if (!policy.issuer.empty()) {
        claims["iss"] = policy.issuer;
    }
    if (!policy.audience.empty()) {
        claims["aud"] = policy.audience;
    }
    claims["iat"] = token.issued_s;
    claims["exp"] = token.expires_s;
    json::array roles;
    for (std::size_t i = 0; i < http::role_words.size(); ++i) {
        if (token.roles.has(static_cast<http::Role>(i))) {
            roles.emplace_back(http::role_words[i]);
        }
    }
    put_claim(claims, policy.roles_claim, std::move(roles));
    if (token.customer > 0) {
        put_claim(claims, policy.customer_claim, token.customer);
    }
    std::string text = to_base64url(R"({"alg":"HS256","typ":"JWT"})");
    text += '.';
    text += to_base64url(json::serialize(claims));
    const std::string signature = secret.sign(text);
    text += '.';
    text += to_base64url(signature);
    return text;
}

}  // namespace bookstore::auth
