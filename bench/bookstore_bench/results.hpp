#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bookstore::bench {

/// Of several runs.
struct Summary {
    double median = 0;
    double least = 0;
    double most = 0;
    std::size_t runs = 0;
};

struct Point {
    double x = 0;
    double y = 0;
};

/// What scripts/bench collected (report.hpp has the format), with the ratios of figures of the same
/// run worked out.
class Results {
  public:
    /// Throws std::runtime_error, with the line's number when one cannot be read.
    explicit Results(const std::string& path);

    std::optional<Summary> find(std::string_view size, std::string_view figure) const;
    /// 0 when there is none.
    double median(std::string_view size, std::string_view figure) const;
    /// By run.
    const std::map<int, double>* runs(std::string_view size, std::string_view figure) const;
    /// The names that begin so, in their order of coming.
    std::vector<std::string> names(std::string_view size, std::string_view prefix) const;
    /// Of the first run.
    std::vector<Point> curve(std::string_view size, std::string_view name) const;

    const std::vector<std::string>& machine() const { return machine_; }
    const std::vector<std::string>& commands() const { return commands_; }

  private:
    void read(const std::vector<std::string>& fields);
    void add(const std::string& size, int run, const std::string& figure, double value);
    void add_ratios();

    using Runs = std::map<int, double>;
    std::map<std::string, std::map<std::string, Runs, std::less<>>, std::less<>> figures_;
    std::map<std::string, std::vector<std::string>, std::less<>> order_;
    std::map<std::string, std::vector<Point>, std::less<>> curves_;
    std::map<std::string, int, std::less<>> curve_runs_;
    std::vector<std::string> machine_;
    std::vector<std::string> commands_;
};

}  // namespace bookstore::bench
