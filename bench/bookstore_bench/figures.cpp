#include "figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>

namespace bookstore::bench {

void print_figure(std::string_view name, double value) {
    fmt::print("{}\t{:.6g}\n", name, value);
    std::fflush(stdout);
}

void print_point(std::string_view curve, double x, double y) {
    fmt::print("+{}\t{:.6g}\t{:.6g}\n", curve, x, y);
    std::fflush(stdout);
}

double percentile(std::vector<double>& values, double share) {
    if (values.empty()) {
        return 0;
    }
    std::ranges::sort(values);
    const double rank = std::ceil(share * static_cast<double>(values.size()));
    return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace bookstore::bench
