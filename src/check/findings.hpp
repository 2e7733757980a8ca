#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bookstore::check {

/// What was found wrong, a line each; of a great many the first ones.
class Findings {
  public:
    template <class... Args>
    void add(fmt::format_string<Args...> pattern, Args&&... args) {
        ++count_;
        if (lines_.size() < most_lines) {
            lines_.push_back(fmt::format(pattern, std::forward<Args>(args)...));
        }
    }

    std::int64_t count() const { return count_; }
    std::vector<std::string> take() { return std::move(lines_); }

  private:
    static constexpr std::size_t most_lines = 1000;
    std::vector<std::string> lines_;
    std::int64_t count_ = 0;
};

}  // namespace bookstore::check
