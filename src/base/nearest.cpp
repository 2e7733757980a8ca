#include "base/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace bookstore {
namespace {

constexpr std::size_t longest = 64;  ///< bytes that are compared: what is longer is no typing error

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string_view nearest_word(std::string_view written, const std::vector<std::string>& words) {
    const std::string_view compared = written.substr(0, longest);
    return *std::ranges::min_element(words, {}, [compared](const std::string& word) {
        return distance(compared, word);
    });
}

}  // namespace bookstore
