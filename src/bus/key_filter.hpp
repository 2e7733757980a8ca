#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace bookstore::bus {

/// A set of keys that may say yes of one that is not in it, never no of one that is. Its size does
/// not depend on how many there are: with 10,000 keys it is wrong about two in a hundred others.
class KeyFilter {
  public:
    bool may_have(std::string_view key) const { return !bits_.empty() && bits_[place_of(key)]; }
    void add(std::string_view key) {
        bits_.resize(places);
        bits_[place_of(key)] = true;
    }
    void add_all(const KeyFilter& other) {
        bits_.resize(other.bits_.empty() ? bits_.size() : places);
        for (std::size_t i = 0; i < other.bits_.size(); ++i) {
            bits_[i] = bits_[i] || other.bits_[i];
        }
    }
    void clear() { bits_.clear(); }

  private:
    static constexpr std::size_t places = std::size_t{1} << 19;  ///< 64 KiB

    static std::size_t place_of(std::string_view key) {
        return std::hash<std::string_view>{}(key) % places;
    }

    std::vector<bool> bits_;
};

}  // namespace bookstore::bus
