#pragma once

#include <cstdint>
#include <cstdlib>

namespace bookstore::test {

/// How many seeds a randomized test runs: `usual`, times BOOKSTORE_SEEDS of the environment (for a
/// long run).
inline std::uint64_t seeds(std::uint64_t usual) {
    const char* factor = std::getenv("BOOKSTORE_SEEDS");
    return factor == nullptr ? usual : usual * std::strtoull(factor, nullptr, 10);
}

}  // namespace bookstore::test
