#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bookstore {

/// The one of `words` (at least one) that `written` was most likely meant to be: the fewest
/// characters to insert, remove or replace, letters' case apart; of several the first.
std::string_view nearest_word(std::string_view written, const std::vector<std::string>& words);

}  // namespace bookstore
