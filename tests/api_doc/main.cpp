#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "chapters.hpp"
#include "support/text_file.hpp"

// api_doc FILE writes docs/api.md, by running what it shows; api_doc --check FILE says where the
// file is not what the program answers.

namespace bookstore::test {
namespace {

constexpr std::size_t lines_around = 3;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

void print_lines(
    char mark, const std::vector<std::string>& lines, std::size_t begin, std::size_t end
) {
    for (std::size_t i = begin; i < end && i < lines.size(); ++i) {
        fmt::print(stderr, "{} {}\n", mark, lines[i]);
    }
}

/// Says where they part.
void print_difference(const std::string& path, const std::string& old, const std::string& now) {
    const auto before = lines_of(old);
    const auto after = lines_of(now);
    std::size_t line = 0;
    while (line < before.size() && line < after.size() && before[line] == after[line]) {
        ++line;
    }
    fmt::print(stderr, "{} is stale at line {}: run scripts/api-docs\n", path, line + 1);
    print_lines(' ', before, line - std::min(line, lines_around), line);
    print_lines('-', before, line, line + lines_around);
    print_lines('+', after, line, line + lines_around);
}

int run(bool check, const std::string& path) {
    const WrittenPage page = write_api_page();
    if (!page.missing.empty()) {
        fmt::print(
            stderr,
            "these operations of /openapi.json are not shown in {}; give them a request in "
            "tests/api_doc/chapters.cpp:\n    {}\n",
            path,
            fmt::join(page.missing, "\n    ")
        );
        return 1;
    }
    const std::string old = text_of_file(path);
    if (check && old != page.markdown) {
        print_difference("docs/api.md", old, page.markdown);
        return 1;
    }
    if (!check && old != page.markdown) {
        std::ofstream(path, std::ios::binary) << page.markdown;
    }
    return 0;
}

}  // namespace
}  // namespace bookstore::test

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool check = arguments.size() == 2 && arguments[0] == "--check";
    if (!check && arguments.size() != 1) {
        fmt::print(stderr, "usage: api_doc [--check] FILE\n");
        return 2;
    }
    try {
        return bookstore::test::run(check, arguments.back());
    } catch (const std::exception& error) {
        fmt::print(stderr, "api_doc: {}\n", error.what());
        return 1;
    }
}
