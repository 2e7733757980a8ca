#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace bookstore::test {

/// All bytes of the file; none when it cannot be read.
inline std::string text_of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace bookstore::test
