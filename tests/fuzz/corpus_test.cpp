#include <doctest/doctest.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"

// The fuzzed functions over what is known: every file of the corpus, and every input that once
// found something. No Clang needed.

namespace bookstore::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& directory) {
    std::vector<fs::path> files;
    if (!fs::is_directory(directory)) {
        return files;
    }
    for (const auto& entry : fs::directory_iterator(directory)) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

/// What the function says against the file's content; empty when nothing.
std::string said_of(void (*target)(std::string_view), const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(in), {}};
    try {
        target(input);
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

void check_files(void (*target)(std::string_view), const std::string& name) {
    const fs::path root(FUZZ_ROOT);
    const auto corpus = files_in(root / "corpus" / name);
    REQUIRE(corpus.size() > 10);
    auto files = files_in(root / "regressions" / name);
    files.insert(files.begin(), corpus.begin(), corpus.end());
    for (const fs::path& file : files) {
        CAPTURE(file.string());
        CHECK_EQ(said_of(target, file), "");
    }
}

}  // namespace

TEST_CASE("requests: the corpus, and what fuzzing found") {
    check_files(request, "request");
}

TEST_CASE("JSON: the corpus, and what fuzzing found") {
    check_files(json, "json");
}

TEST_CASE("queries: the corpus, and what fuzzing found") {
    check_files(query, "query");
}

TEST_CASE("tokens: the corpus, and what fuzzing found") {
    check_files(token, "token");
}

TEST_CASE("an invariant that does not hold is reported") {
    CHECK_THROWS_AS(require(false, "broken"), Broken);
    CHECK_THROWS_AS(read_back("{\"a\":}"), Broken);
}

}  // namespace bookstore::fuzz
