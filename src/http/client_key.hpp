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
        const auto word = [&random] {
            return (std::uint64_t{random()} << 32 | random()) | 1;  // odd: nothing gets lost
        };
        first_ = word();
        second_ = word();
        third_ = word();
    }

    std::size_t operator()(const ClientKey& key) const {
        struct Words {
            std::uint64_t high;
            std::uint64_t low;
        };
        const auto words = std::bit_cast<Words>(key);
        std::uint64_t mixed = (words.high * first_) ^ std::rotl(words.low * second_, 32);
        mixed = (mixed ^ mixed >> 29) * third_;
        return mixed ^ mixed >> 32;
    }

  private:
    std::uint64_t first_;
    std::uint64_t second_;
    std::uint64_t third_;
};

}  // namespace bookstore::http
