#include "results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "figures.hpp"

namespace bookstore::bench {
namespace {

struct Ratio {
    std::string_view name;
    std::string_view of;
    std::string_view over;
};

constexpr std::array ratios{
    Ratio{"get.ratio", "get.per_s", "get.bare_per_s"},
    Ratio{"get.logged", "get.logged_per_s", "get.per_s"},
    Ratio{"post.ratio", "post.per_s", "post.bare_per_s"},
    Ratio{"post.logged", "post.logged_per_s", "post.per_s"},
    Ratio{"sustain.ratio", "sustain.settled_per_s", "sustain.placed_per_s"},
    Ratio{"settle.ratio", "settle.settled_per_s", "ceiling.settled_per_s"},
    Ratio{"settle.logged", "settle.logged_settled_per_s", "settle.settled_per_s"},
    Ratio{"latency.fsyncs", "latency.shipped_ms", "latency.fsync_ms"},
    Ratio{"latency.rested_fsyncs", "latency.shipped_ms", "latency.fsync_rested_ms"},
    Ratio{"hop.fsyncs", "hop.hop_ms", "hop.fsync_ms"},
    Ratio{"rebuild.readers", "rebuild.during_p99_ms", "rebuild.before_p99_ms"},
};

std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> fields;
    std::istringstream in(line);
    for (std::string field; std::getline(in, field, '\t');) {
        fields.push_back(field);
    }
    return fields;
}

}  // namespace

Results::Results(const std::string& path) {
    std::ifstream in(path);
    if (!in) {
        throw std::runtime_error("cannot read " + path);
    }
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        try {
            read(split(line));
        } catch (const std::exception&) {
            throw std::runtime_error(fmt::format("{}:{} is no result: {}", path, number, line));
        }
    }
    add_ratios();
}

void Results::read(const std::vector<std::string>& fields) {
    const std::string& kind = fields.at(0);
    if (kind == "machine") {
        machine_.push_back(fields.at(1));
    } else if (kind == "command") {
        if (std::ranges::find(commands_, fields.at(1)) == commands_.end()) {
            commands_.push_back(fields.at(1));
        }
    } else if (kind == "figure") {
        add(fields.at(1), std::stoi(fields.at(2)), fields.at(3), std::stod(fields.at(4)));
    } else if (kind == "point") {
        const std::string name = fields.at(1) + "/" + fields.at(3);
        const int run = std::stoi(fields.at(2));
        if (curve_runs_.try_emplace(name, run).first->second == run) {
            curves_[name].push_back({std::stod(fields.at(4)), std::stod(fields.at(5))});
        }
    } else {
        throw std::runtime_error("unknown");
    }
}

void Results::add(const std::string& size, int run, const std::string& figure, double value) {
    Runs& runs = figures_[size][figure];
    if (runs.empty()) {
        order_[size].push_back(figure);
    }
    runs[run] = value;
}

void Results::add_ratios() {
    for (const std::string_view size : {"small", "large", "-"}) {
        for (const Ratio& ratio : ratios) {
            const Runs* of = runs(size, ratio.of);
            const Runs* over = runs(size, ratio.over);
            if (of == nullptr || over == nullptr) {
                continue;
            }
            for (const auto& [run, value] : *of) {
                const auto other = over->find(run);
                if (other != over->end() && other->second > 0) {
                    add(std::string(size), run, std::string(ratio.name), value / other->second);
                }
            }
        }
    }
}

const std::map<int, double>* Results::runs(std::string_view size, std::string_view figure) const {
    const auto sized = figures_.find(size);
    if (sized == figures_.end()) {
        return nullptr;
    }
    const auto found = sized->second.find(figure);
    return found == sized->second.end() ? nullptr : &found->second;
}

std::optional<Summary> Results::find(std::string_view size, std::string_view figure) const {
    const Runs* found = runs(size, figure);
    if (found == nullptr) {
        return std::nullopt;
    }
    std::vector<double> values;
    for (const auto& [run, value] : *found) {
        values.push_back(value);
    }
    const double median = percentile(values, 0.5);
    return Summary{median, values.front(), values.back(), values.size()};
}

double Results::median(std::string_view size, std::string_view figure) const {
    return find(size, figure).value_or(Summary{}).median;
}

std::vector<std::string> Results::names(std::string_view size, std::string_view prefix) const {
    std::vector<std::string> names;
    if (const auto found = order_.find(size); found != order_.end()) {
        std::ranges::copy_if(found->second, std::back_inserter(names), [&](const auto& name) {
            return name.starts_with(prefix);
        });
    }
    return names;
}

std::vector<Point> Results::curve(std::string_view size, std::string_view name) const {
    const auto found = curves_.find(fmt::format("{}/{}", size, name));
    return found == curves_.end() ? std::vector<Point>() : found->second;
}

}  // namespace bookstore::bench
