#include "auth/authenticator.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "http/text.hpp"

namespace bookstore::auth {
namespace {

using Identified = std::shared_ptr<const http::Identity>;

struct Entry {
    Identified identity;
    std::int64_t expires_s = 0;
    std::uint64_t generation = 0;  ///< of the keys
};

/// Some of the tokens that were verified, under a lock of their own. Two generations: what was not
/// asked for while as many others came as fit is forgotten.
class Shard {
  public:
    Identified find(const std::string& digest, std::int64_t now_s, std::uint64_t generation) {
        const std::scoped_lock lock(mutex_);
        auto found = young_.find(digest);
        if (found == young_.end()) {
            const auto before = old_.find(digest);
            if (before == old_.end()) {
                return nullptr;
            }
            make_room();
            found = young_.insert_or_assign(digest, before->second).first;
        }
        const Entry& entry = found->second;
        const bool holds = entry.generation == generation && now_s < entry.expires_s + leeway_s;
        return holds ? entry.identity : nullptr;
    }
    void keep(std::string digest, Entry entry) {
        const std::scoped_lock lock(mutex_);
        make_room();
        young_.insert_or_assign(std::move(digest), std::move(entry));
    }

  private:
    static constexpr std::size_t shards = 16;
    static constexpr std::size_t most_young = Authenticator::most_known / shards / 2;

    void make_room() {
        if (young_.size() >= most_young) {
            old_ = std::exchange(young_, {});
        }
    }

    std::mutex mutex_;
    std::unordered_map<std::string, Entry> young_;  ///< by the token's SHA-256
    std::unordered_map<std::string, Entry> old_;
};

/// The token in a field "Bearer TOKEN"; nothing of another scheme.
std::optional<std::string_view> bearer_token(std::string_view field) {
    constexpr std::string_view scheme = "bearer";
    const std::size_t blank = field.find(' ');
    if (!http::equal_ignoring_case(field.substr(0, blank), scheme)) {
        return std::nullopt;
    }
    return blank == field.npos ? std::string_view() : http::trimmed(field.substr(blank));
}

http::Problem no_token() {
    return http::unauthorized("This needs a token: Authorization: Bearer TOKEN.");
}

http::Problem not_taken(std::string_view why) {
    return http::unauthorized(
        fmt::format("The token is not taken: {}.", why), "invalid_token", why
    );
}

/// The request's one token, or why there is none.
std::expected<std::string_view, http::Problem> token_of(const http::Request& request) {
    std::optional<std::string_view> field;
    for (const http::Header& header : request.headers) {
        if (!http::equal_ignoring_case(header.name, "Authorization")) {
            continue;
        }
        if (field) {
            return std::unexpected(not_taken("there are several Authorization fields"));
        }
        field = header.value;
    }
    const auto token = field ? bearer_token(*field) : std::nullopt;
    return token ? std::expected<std::string_view, http::Problem>(*token)
                 : std::unexpected(no_token());
}

}  // namespace

struct Authenticator::Known {
    std::array<Shard, 16> shards;

    Shard& of(const std::string& digest) {
        return shards[static_cast<unsigned char>(digest.front()) % shards.size()];
    }
};

Authenticator::Authenticator(Policy policy, KeySource& keys, const Clock& clock)
    : policy_(std::move(policy)), keys_(keys), clock_(clock), known_(std::make_unique<Known>()) {}

Authenticator::~Authenticator() = default;

std::expected<Identified, http::Problem> Authenticator::identify(const http::Request& request
) const {
    const auto token = token_of(request);
    if (!token) {
        return std::unexpected(token.error());
    }
    const std::int64_t now_s = clock_.now_ms() / 1000;
    const std::uint64_t generation = keys_.generation();
    std::string digest = token->size() <= most_token_bytes ? sha256(*token) : std::string();
    if (!digest.empty()) {
        if (auto known = known_->of(digest).find(digest, now_s, generation)) {
            return known;
        }
    }
    auto claims = verify(*token, *keys_.keys(), policy_, now_s);
    if (!claims) {
        if (claims.error().unknown_key) {
            keys_.look_for_another();
            if (!keys_.has_any()) {
                return std::unexpected(http::Problem{
                    503,
                    "Nobody's token can be verified yet: the issuer's keys are not here.",
                    {},
                    {{"Retry-After", "5"}}
                });
            }
        }
        return std::unexpected(not_taken(claims.error().why));
    }
    auto identity = std::make_shared<const http::Identity>(http::Identity{
        .subject = std::move(claims->subject), .roles = claims->roles, .customer = claims->customer
    });
    known_->of(digest).keep(std::move(digest), {identity, claims->expires_s, generation});
    return identity;
}

}  // namespace bookstore::auth
