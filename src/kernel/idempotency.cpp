#include "kernel/idempotency.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "http/authentication.hpp"
#include "http/text.hpp"

namespace bookstore::kernel {
namespace {

using storage::Sql;

constexpr std::size_t max_key_bytes = 255;
constexpr int removed_at_once = 8;  ///< for one that is added, so that all old ones go in time

const Sql select_answer{
    "*",
    "SELECT fingerprint, status, content_type, headers, body FROM idempotency "
    "WHERE key = ?1 AND target = ?2 AND time > ?3"
};
const Sql insert_answer{
    "*",
    "INSERT OR REPLACE INTO idempotency(key, target, fingerprint, time, status, content_type, "
    "headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
};
const Sql delete_oldest{
    "*", "DELETE FROM idempotency WHERE id < (SELECT min(id) FROM idempotency) + ?1 AND time <= ?2"
};

http::Problem other_body() {
    return {
        .status = 422,
        .message = "this Idempotency-Key was used with another body; a new request needs a new key"
    };
}

http::Problem still_running() {
    return {
        .status = 409,
        .message =
            "a request with this Idempotency-Key is under way; repeat it in a moment to get "
            "its answer",
        .headers = {{"Retry-After", "1"}}
    };
}

std::string fingerprint_of(std::string_view body) {
    // 122 bits of SHA-1: two bodies of a client that share them do not happen by accident.
    static const boost::uuids::name_generator_sha1 hash(boost::uuids::ns::oid());
    return boost::uuids::to_string(hash(body.data(), body.size()));
}

/// Where it is known who asks, nobody finds another's answer by a key that he guessed. A key has no
/// line break.
std::string own_key(const http::Request& request, std::string_view key) {
    if (request.identity == nullptr) {
        return std::string(key);
    }
    const http::Identity& who = *request.identity;
    return fmt::format("{}\n{}\n{}", key, who.customer, who.subject);
}

std::string headers_text(const std::vector<http::Header>& headers) {
    std::string text;
    for (const http::Header& header : headers) {
        text += fmt::format("{}: {}\n", header.name, header.value);
    }
    return text;
}

std::vector<http::Header> headers_in(std::string_view text) {
    std::vector<http::Header> headers;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        const std::size_t colon = line.find(": ");
        headers.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 2))}
        );
        text.remove_prefix(line.size() + 1);
    }
    return headers;
}

}  // namespace

std::expected<std::string_view, http::Problem> idempotency_key(const http::Request& request) {
    std::string_view key;
    int fields = 0;
    for (const http::Header& header : request.headers) {
        if (http::equal_ignoring_case(header.name, "Idempotency-Key")) {
            key = header.value;
            ++fields;
        }
    }
    const bool sane = !key.empty() && key.size() <= max_key_bytes &&
                      std::ranges::all_of(key, [](char c) { return c >= ' ' && c <= '~'; });
    if (fields > 1 || (fields == 1 && !sane)) {
        return std::unexpected(http::Problem{
            .status = 400,
            .message = fmt::format(
                "Idempotency-Key must be given once: 1 to {} printable ASCII characters, a UUID "
                "for example",
                max_key_bytes
            )
        });
    }
    return key;
}

IdempotencyKeys::IdempotencyKeys(
    storage::Database& database, const Clock& clock, std::int64_t kept_ms
)
    : database_(database), clock_(clock), kept_ms_(kept_ms) {}

std::expected<std::shared_ptr<IdempotencyKeys::Claim>, http::Answer> IdempotencyKeys::claim(
    const http::Request& request
) {
    const auto key = idempotency_key(request);
    if (!key) {
        return std::unexpected(key.error());
    }
    if (key->empty()) {
        return nullptr;
    }
    auto claim = std::make_shared<Claim>(
        *this,
        own_key(request, *key),
        fmt::format("{} {}", http::name_of(request.method), request.path),
        fingerprint_of(request.body)
    );
    {
        const std::scoped_lock lock(mutex_);
        const auto [place, first] =
            running_.try_emplace({claim->key_, claim->target_}, claim->fingerprint_);
        if (!first) {
            return std::unexpected(
                place->second == claim->fingerprint_ ? still_running() : other_body()
            );
        }
        claim->held_ = true;
    }
    // Looked up after the claim, not before: the first request could have ended in between.
    if (auto answer = answer_of(*claim)) {
        return std::unexpected(std::move(*answer));
    }
    return claim;
}

std::optional<http::Answer> IdempotencyKeys::answer_of(const Claim& claim) {
    const storage::Reader reader = database_.read_for_client();
    auto row = reader->prepare(select_answer);
    row.bind(claim.key_, claim.target_, clock_.now_ms() - kept_ms_);
    if (!row.step()) {
        return std::nullopt;
    }
    if (row.text(0) != claim.fingerprint_) {
        return other_body();
    }
    http::Response response;
    response.status = static_cast<int>(row.integer(1));
    response.content_type = row.text(2);
    response.headers = headers_in(row.text(3));
    response.body = row.text(4);
    return response;
}

IdempotencyKeys::Claim::Claim(
    IdempotencyKeys& keys, std::string key, std::string target, std::string fingerprint
)
    : keys_(keys),
      key_(std::move(key)),
      target_(std::move(target)),
      fingerprint_(std::move(fingerprint)) {}

void IdempotencyKeys::Claim::release() {
    if (std::exchange(held_, false)) {
        const std::scoped_lock lock(keys_.mutex_);
        keys_.running_.erase({key_, target_});
    }
}

void IdempotencyKeys::Claim::record(storage::Connection& db, const http::Response& response) const {
    const std::int64_t now_ms = keys_.clock_.now_ms();
    db.prepare(delete_oldest).bind(removed_at_once, now_ms - keys_.kept_ms_).run();
    const std::string headers = headers_text(response.headers);
    db.prepare(insert_answer)
        .bind(
            key_,
            target_,
            fingerprint_,
            now_ms,
            response.status,
            response.content_type,
            headers,
            response.body
        )
        .run();
}

}  // namespace bookstore::kernel
