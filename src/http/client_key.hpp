#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>

#include "http/ip_address.hpp"

// Internal to http: how clients are told apart where they are counted.

namespace bookstore::http {

/// A client: 16 bytes that say which.
using ClientKey = std::array<std::uint8_t, 16>;

/// One of IPv4 is its address; of IPv6 the network of 64 bits, of which whoever has one has all.
inline ClientKey key_of(const IpAddress& address) {
    ClientKey key = address;
    if (!is_v4(address)) {
        std::fill(key.begin() + 8, key.end(), std::uint8_t{0});
    }
    return key;
}

/// By a secret of this process: nobody outside finds clients that fall together.
class ClientHash {
  public:
    ClientHash() {
        std::random_device random;
        for (std::uint64_t& word : secret_) {
            word = std::uint64_t{random()} << 32 | random();
        }
    }

    std::size_t operator()(const ClientKey& key) const {
        const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(key);
        const std::uint64_t mixed = folded(words[0] ^ secret_[0], words[1] ^ secret_[1]);
        return folded(mixed ^ secret_[2], secret_[3] | 1);
    }

  private:
    __extension__ using Wide = unsigned __int128;

    /// Both halves of the product: a bit of either changes about half of all bits. The lower half
    /// alone would leave neighbouring addresses neighbours.
    static std::uint64_t folded(std::uint64_t one, std::uint64_t other) {
        const Wide product = Wide{one} * other;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }

    std::array<std::uint64_t, 4> secret_;
};

}  // namespace bookstore::http
