#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "http/client_key.hpp"

// Internal to the server.

namespace bookstore::http {

/// How many connections each client has. There is an entry for each that has one, and none for
/// others: so no more than there are connections. Any thread.
class ConnectionShares {
  public:
    /// `most` of each client at a time.
    explicit ConnectionShares(std::size_t most) : most_(most) {}

    /// Counts one more; false where that is one too many, and does not count.
    bool begin(const ClientKey& client);
    /// One that was counted is over.
    void end(const ClientKey& client);

    std::size_t most() const { return most_; }
    std::size_t clients() const;

  private:
    static constexpr std::size_t shards = 16;

    struct alignas(64) Shard {
        mutable std::mutex mutex;
        std::unordered_map<ClientKey, std::size_t, ClientHash> counts;
    };

    Shard& shard_of(const ClientKey& client) { return shards_[hash_(client) % shards]; }

    const std::size_t most_;
    const ClientHash hash_;
    std::array<Shard, shards> shards_;
};

}  // namespace bookstore::http
