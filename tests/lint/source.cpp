#include "source.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace lint {
namespace {

namespace fs = std::filesystem;

bool in_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        throw std::runtime_error("cannot read " + path.string());
    }
    return {std::istreambuf_iterator<char>(in), {}};
}

// What .gitignore leaves out: "/build/" stands for the root's, "x.json" for one anywhere; no
// wildcards.
std::vector<std::string> ignored_entries(const fs::path& root) {
    std::vector<std::string> entries{".git"};
    const auto text = read(root / ".gitignore");
    for (std::string_view line : lines_of(text)) {
        if (line.ends_with('/')) {
            line.remove_suffix(1);
        }
        if (!line.empty()) {
            entries.emplace_back(line);
        }
    }
    return entries;
}

std::vector<Source> read_project(const fs::path& root) {
    const auto ignored = ignored_entries(root);
    const auto is_ignored = [&](const std::string& entry) {
        return std::ranges::find(ignored, entry) != ignored.end();
    };
    std::vector<Source> sources;
    for (auto at = fs::recursive_directory_iterator(root); at != fs::end(at); ++at) {
        const auto path = at->path().lexically_relative(root).generic_string();
        if (is_ignored(at->path().filename().string()) || is_ignored("/" + path)) {
            at.disable_recursion_pending();
            continue;
        }
        if (!at->is_regular_file()) {
            continue;
        }
        auto text = read(at->path());
        if (text.contains('\0')) {
            continue;
        }
        sources.push_back({path, std::move(text)});
    }
    std::ranges::sort(sources, {}, &Source::path);
    return sources;
}

// A copy of a text, erased piece by piece.
class Eraser {
  public:
    explicit Eraser(std::string_view text) : text_(text), out_(text) {}

    std::string run() && {
        while (at_ < text_.size()) {
            step();
        }
        return std::move(out_);
    }

  private:
    void step() {
        if (text_.substr(at_).starts_with("//")) {
            erase_to(logical_line_end());
        } else if (text_.substr(at_).starts_with("/*")) {
            erase_to(after("*/", at_ + 2));
        } else if (text_[at_] == '#' && starts_line()) {
            erase_to(logical_line_end());
        } else if (text_[at_] == '"') {
            erase_to(is_raw() ? raw_end() : quoted_end());
        } else if (text_[at_] == '\'' && !separates_digits()) {
            erase_to(quoted_end());
        } else {
            ++at_;
        }
    }

    void erase_to(std::size_t end) {
        for (; at_ < end; ++at_) {
            if (out_[at_] != '\n') {
                out_[at_] = ' ';
            }
        }
    }

    std::size_t after(std::string_view what, std::size_t from) const {
        const auto found = text_.find(what, from);
        return found == std::string_view::npos ? text_.size() : found + what.size();
    }

    // The end of the line, or of a later one that a backslash joins to it.
    std::size_t logical_line_end() const {
        auto end = text_.find('\n', at_);
        while (end != std::string_view::npos && text_[end - 1] == '\\') {
            end = text_.find('\n', end + 1);
        }
        return std::min(end, text_.size());
    }

    std::size_t quoted_end() const {
        const char quote = text_[at_];
        auto end = at_ + 1;
        while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
            end += text_[end] == '\\' ? 2 : 1;
        }
        return std::min(end + 1, text_.size());
    }

    std::size_t raw_end() const {
        const auto open = std::min(text_.find('(', at_), text_.size());
        const auto delimiter = std::string(text_.substr(at_ + 1, open - at_ - 1));
        return after(")" + delimiter + "\"", open);
    }

    std::string_view word_before() const {
        auto start = at_;
        while (start > 0 && (in_word(text_[start - 1]) || text_[start - 1] == '\'')) {
            --start;
        }
        return text_.substr(start, at_ - start);
    }

    bool is_raw() const {
        const auto word = word_before();
        return word == "R" || word == "u8R" || word == "uR" || word == "UR" || word == "LR";
    }

    bool separates_digits() const {
        const auto word = word_before();
        return !word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) != 0;
    }

    bool starts_line() const {
        const auto before = text_.substr(0, at_).find_last_not_of(" \t");
        return before == std::string_view::npos || text_[before] == '\n';
    }

    std::string_view text_;
    std::string out_;
    std::size_t at_ = 0;
};

}  // namespace

const std::vector<Source>& project() {
    static const auto sources = read_project(PROJECT_ROOT);
    return sources;
}

std::vector<Source> cpp_below(std::string_view directory) {
    const auto prefix = std::string(directory) + "/";
    std::vector<Source> found;
    std::ranges::copy_if(project(), std::back_inserter(found), [&](const Source& source) {
        return source.path.starts_with(prefix) &&
               (source.path.ends_with(".cpp") || source.path.ends_with(".hpp"));
    });
    return found;
}

std::string code_only(std::string_view text) {
    return Eraser(text).run();
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::string report(const std::vector<Finding>& findings) {
    std::string text;
    for (const auto& finding : findings) {
        text += finding.path + ":" + std::to_string(finding.line) + ": " + finding.message + "\n";
    }
    return text;
}

}  // namespace lint
