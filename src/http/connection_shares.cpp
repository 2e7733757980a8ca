#include "http/connection_shares.hpp"

namespace bookstore::http {

bool ConnectionShares::begin(const ClientKey& client) {
    Shard& shard = shard_of(client);
    const std::lock_guard lock(shard.mutex);
    std::size_t& count = shard.counts[client];
    if (count >= most_) {
        return false;
    }
    ++count;
    return true;
}

void ConnectionShares::end(const ClientKey& client) {
    Shard& shard = shard_of(client);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.counts.find(client);
    if (found != shard.counts.end() && --found->second == 0) {
        shard.counts.erase(found);
    }
}

std::size_t ConnectionShares::clients() const {
    std::size_t count = 0;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        count += shard.counts.size();
    }
    return count;
}

}  // namespace bookstore::http
