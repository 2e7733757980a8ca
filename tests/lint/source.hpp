#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lint {

/// A text file; `path` counts from the project's root, with forward slashes.
struct Source {
    std::string path;
    std::string text;
};

struct Finding {
    std::string path;
    int line = 0;
    std::string message;
};

/// The project's text files, sorted by path: all but what .git and .gitignore leave out.
const std::vector<Source>& project();

/// Those of `project()` below `directory` ("src") that are C++.
std::vector<Source> cpp_below(std::string_view directory);

/// `text` with comments, literals and preprocessor lines turned into spaces; lines stay where they
/// are.
std::string code_only(std::string_view text);

std::vector<std::string_view> lines_of(std::string_view text);

/// A line "path:line: message" for each finding.
std::string report(const std::vector<Finding>& findings);

}  // namespace lint
