#pragma once

#include <string_view>
#include <vector>

namespace bookstore::bench {

/// Prints a figure on a line of its own, name and value apart by a tab, at once: what
/// scripts/bench collects.
void print_figure(std::string_view name, double value);

/// A point of a curve: `+name`, x and y.
void print_point(std::string_view curve, double x, double y);

/// The value below which that share of them lies; sorts them. 0 when there are none.
double percentile(std::vector<double>& values, double share);

}  // namespace bookstore::bench
