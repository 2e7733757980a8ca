#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "check/check.hpp"

// Which files are checked, and where each is.

namespace bookstore::check {

constexpr std::string_view topic_name = "topic";
/// The only context that may run apart as a system of its own.
constexpr std::string_view van = "van";

struct Place {
    std::string name;  ///< "topic", "customer", ...
    std::string directory;
    std::string path;
    bool apart = false;  ///< VAN's, of a system of its own
};

/// Every topic, each with the contexts' files whose events it has: those beside it, or in
/// directories without one when it is the only one.
struct Part {
    Place topic;
    std::vector<Place> contexts{};
    std::vector<Place> mirrors{};  ///< shorter ones of the same partition, see mirrors.hpp
};

/// The files that are there, a part a topic; of a VAN apart in the first part. Throws
/// std::runtime_error when there is no topic, or it is not clear which one or which file is meant.
std::vector<Part> parts_of(const Options& options);

/// It is VAN, which ran as a system of its own.
inline bool is_apart(const Options& options, std::string_view context) {
    return context == van && !options.van_data_dir.empty();
}

/// "a, b and c"
std::string listed(const std::vector<std::string>& words);

}  // namespace bookstore::check
