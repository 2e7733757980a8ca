#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "http/message.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {

/// The request's Idempotency-Key; empty when it has none, a Problem (400) when it has no single one
/// of 1 to 255 printable ASCII characters.
std::expected<std::string_view, http::Problem> idempotency_key(const http::Request& request);

/// The first answers to a module's POSTs that carried an Idempotency-Key, by key, method and path;
/// where it is known who asks, of each apart.
///
/// An answer is stored by the transaction that did the work, so that after any crash either both
/// are there or neither. While a request runs its key is claimed, in memory: a copy that comes
/// meanwhile is refused, and one that comes later finds the answer. Thread-safe.
class IdempotencyKeys {
  public:
    /// How long an answer is kept, in ms.
    IdempotencyKeys(storage::Database& database, const Clock& clock, std::int64_t kept_ms);

    /// A key that is in use by a request under way; released when it goes, or before.
    class Claim {
      public:
        Claim(IdempotencyKeys& keys, std::string key, std::string target, std::string fingerprint);
        ~Claim() { release(); }
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;

        /// When the outcome is known, before the client is answered.
        void release();
        /// Stores the answer; within the transaction that did the work, on the writer's thread.
        void record(storage::Connection& db, const http::Response& response) const;

      private:
        friend class IdempotencyKeys;
        IdempotencyKeys& keys_;
        std::string key_;
        std::string target_;
        std::string fingerprint_;
        bool held_ = false;
    };

    /// Claims the request's key. Nothing to claim: a null pointer. Otherwise what the client gets:
    /// the first answer again, 409 while the first is running, 422 for another body, 400 for a
    /// malformed key. Throws storage::Error.
    std::expected<std::shared_ptr<Claim>, http::Answer> claim(const http::Request& request);

  private:
    std::optional<http::Answer> answer_of(const Claim& claim);

    storage::Database& database_;
    const Clock& clock_;
    std::int64_t kept_ms_;
    std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, std::string> running_;  ///< guarded by mutex_
};

}  // namespace bookstore::kernel
