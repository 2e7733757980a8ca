#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "results.hpp"

namespace bookstore::bench {
namespace {

enum class Aim {
    none,      ///< it is said, there is no goal
    at_least,  ///< as the others: of the median
    at_most,
    below,
};

/// A line of the table, in the order of the goals.
struct Row {
    std::string_view what;
    std::string_view size;
    std::string_view figure;
    std::string_view unit;
    Aim aim = Aim::none;
    double goal = 0;
};

constexpr std::array rows{
    Row{"GET /orders/{id} over bare Beast", "small", "get.ratio", "", Aim::at_least, 0.9},
    Row{"... the bookstore", "small", "get.per_s", "a second"},
    Row{"... bare Beast", "small", "get.bare_per_s", "a second"},
    Row{"POST /orders for 1 s over bare Beast", "small", "post.ratio", "", Aim::at_least, 0.6},
    Row{"... the bookstore", "small", "post.per_s", "a second"},
    Row{"... bare Beast", "small", "post.bare_per_s", "a second"},
    Row{"... lag at the end", "small", "post.lag_events", "events"},
    Row{"... until it is drained", "small", "post.drain_s", "s"},
    Row{"POST /orders on and on: settled over placed",
        "small",
        "sustain.ratio",
        "",
        Aim::at_least,
        0.95},
    Row{"... placed", "small", "sustain.placed_per_s", "a second"},
    Row{"... settled", "small", "sustain.settled_per_s", "a second"},
    Row{"... greatest lag", "small", "sustain.lag_max_s", "s", Aim::below, 2},
    Row{"... oldest unsettled order", "small", "sustain.unsettled_max_s", "s"},
    Row{"orders settled", "small", "settle.settled_per_s", "a second", Aim::at_least, 6000},
    Row{"... over the ceiling", "small", "settle.ratio", "", Aim::at_least, 0.7},
    Row{"... the ceiling, plain SQLite", "small", "ceiling.settled_per_s", "a second"},
    Row{"POST to Shipped, p50", "small", "latency.fsyncs", "fsyncs", Aim::at_most, 8},
    Row{"... p50", "small", "latency.shipped_ms", "ms"},
    Row{"... p99", "small", "latency.shipped_p99_ms", "ms"},
    Row{"... an fsync of that disk", "small", "latency.fsync_ms", "ms"},
    Row{"... p50, in fsyncs each after 20 ms of rest", "small", "latency.rested_fsyncs", "fsyncs"},
    Row{"... such an fsync", "small", "latency.fsync_rested_ms", "ms"},
    Row{"event hop at 1,000 orders/s, p50", "small", "hop.fsyncs", "fsyncs", Aim::below, 2},
    Row{"... p50", "small", "hop.hop_ms", "ms"},
    Row{"... p99", "small", "hop.hop_p99_ms", "ms", Aim::below, 10},
    Row{"... an fsync of that disk", "small", "hop.fsync_ms", "ms"},
    Row{"... orders placed", "small", "hop.orders_per_s", "a second"},
    Row{"GET p99, 10,000 open, 100 active", "small", "connections.get_p99_ms", "ms", Aim::below, 5},
    Row{"... p99 of the 100 alone", "small", "connections.alone_p99_ms", "ms"},
    Row{"... answered", "small", "connections.get_per_s", "a second"},
    Row{"memory of an idle connection", "small", "connections.idle_kib", "KiB", Aim::below, 16},
    Row{"memory, idle", "-", "memory.idle_rss_mb", "MiB", Aim::below, 32},
    Row{"memory, many orders, at most", "-", "memory.many_peak_mb", "MiB", Aim::below, 200},
    Row{"... orders there", "-", "memory.many_there", ""},
    Row{"ready, empty, files to be made", "-", "ready.new_ready_ms", "ms", Aim::below, 50},
    Row{"ready, empty, files there", "-", "ready.empty_ready_ms", "ms", Aim::below, 50},
    Row{"ready after SIGKILL", "-", "ready.killed_ready_ms", "ms", Aim::below, 2000},
    Row{"... events there", "-", "ready.killed_events", ""},
    Row{"catching up, delivery", "-", "drain.delivery_events_per_s", "events/s", Aim::at_least, 5e4
    },
    Row{"... events behind", "-", "drain.delivery_behind", ""},
    Row{"catching up, payment_history",
        "-",
        "drain.payment_history_events_per_s",
        "events/s",
        Aim::at_least,
        5e4},
    Row{"... events behind", "-", "drain.payment_history_behind", ""},
    Row{"rebuild of My Page", "large", "rebuild.rebuild_s", "s", Aim::below, 10},
    Row{"... readers' p99 during over before", "large", "rebuild.readers", "", Aim::at_most, 1.3},
    Row{"... readers' p99 before", "large", "rebuild.before_p99_ms", "ms"},
    Row{"... readers' p99 during", "large", "rebuild.during_p99_ms", "ms"},
    Row{"bytes on disk an order", "small", "disk.bytes", "bytes"},
};

constexpr double most_growth = 1.3;

/// Figures that are compared between the sizes, and how their growth is counted.
struct Grown {
    std::string_view what;
    std::string_view figure;
    bool more_is_better;
};

constexpr std::array grown{
    Grown{"GET a second", "get.per_s", true},
    Grown{"POST a second, burst", "post.per_s", true},
    Grown{"orders settled a second", "settle.settled_per_s", true},
    Grown{"placed a second, on and on", "sustain.placed_per_s", true},
    Grown{"settled a second, on and on", "sustain.settled_per_s", true},
    Grown{"greatest lag", "sustain.lag_max_s", false},
    Grown{"POST to Shipped, p50", "latency.shipped_ms", false},
    Grown{"event hop, p50", "hop.hop_ms", false},
    Grown{"event hop, p99", "hop.hop_p99_ms", false},
    Grown{"GET p99, 10,000 open", "connections.get_p99_ms", false},
    Grown{"memory of a connection", "connections.idle_kib", false},
};

std::string text_of(double value) {
    const double size = value < 0 ? -value : value;
    std::string text = fmt::format("{:.{}f}", value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
    for (auto at = static_cast<int>(text.find('.') == std::string::npos ? text.size() : 0) - 3;
         at > (value < 0 ? 1 : 0);
         at -= 3) {
        text.insert(static_cast<std::size_t>(at), ",");
    }
    return text;
}

std::string goal_text(const Row& row) {
    switch (row.aim) {
        case Aim::none:
            return "";
        case Aim::at_least:
            return ">= " + text_of(row.goal);
        case Aim::at_most:
            return "<= " + text_of(row.goal);
        case Aim::below:
            return "< " + text_of(row.goal);
    }
    return "";
}

bool met(const Row& row, double value) {
    switch (row.aim) {
        case Aim::at_least:
            return value >= row.goal;
        case Aim::at_most:
            return value <= row.goal;
        case Aim::below:
            return value < row.goal;
        case Aim::none:
            break;
    }
    return true;
}

std::string_view verdict(const Row& row, double value) {
    if (row.aim == Aim::none) {
        return "";
    }
    return met(row, value) ? "met" : "**missed**";
}

struct Growth {
    std::string_view what;
    Summary small;
    Summary large;
    double factor = 0;  ///< above 1: worse
};

std::vector<Growth> growth_in(const Results& results) {
    std::vector<Growth> all;
    for (const Grown& each : grown) {
        const auto small = results.find("small", each.figure);
        const auto large = results.find("large", each.figure);
        if (!small || !large || small->median <= 0 || large->median <= 0) {
            continue;
        }
        const double factor =
            each.more_is_better ? small->median / large->median : large->median / small->median;
        all.push_back({each.what, *small, *large, factor});
    }
    return all;
}

std::string figures_section(const Results& results) {
    std::string out =
        "| figure | goal | median | least to most | runs | |\n|---|---|---|---|---|---|\n";
    for (const Row& row : rows) {
        const auto found = results.find(row.size, row.figure);
        if (!found) {
            if (row.aim != Aim::none) {
                out += fmt::format("| {} | {} | not measured | | | |\n", row.what, goal_text(row));
            }
            continue;
        }
        out += fmt::format(
            "| {} | {} | {}{}{} | {} to {} | {} | {} |\n",
            row.what,
            goal_text(row),
            text_of(found->median),
            row.unit.empty() ? "" : " ",
            row.unit,
            text_of(found->least),
            text_of(found->most),
            found->runs,
            verdict(row, found->median)
        );
    }
    const std::vector<Growth> growth = growth_in(results);
    if (!growth.empty()) {
        const auto worst = std::ranges::max_element(growth, {}, &Growth::factor);
        const Row row{"greatest growth", "", "", "", Aim::at_most, most_growth};
        out += fmt::format(
            "| {} ({}) | {} | {} | | | {} |\n",
            row.what,
            worst->what,
            goal_text(row),
            text_of(worst->factor),
            verdict(row, worst->factor)
        );
    }
    return out;
}

std::string growth_section(const Results& results) {
    const auto orders_in = [&](std::string_view size) {
        const auto orders = results.find(size, "orders_before");
        return orders ? text_of(orders->median) + " orders" : std::string(size);
    };
    std::string out = fmt::format(
        "| | {} | {} | growth | |\n|---|---|---|---|---|\n", orders_in("small"), orders_in("large")
    );
    for (const Growth& each : growth_in(results)) {
        const Row row{"", "", "", "", Aim::at_most, most_growth};
        out += fmt::format(
            "| {} | {} | {} | {:.2f} | {} |\n",
            each.what,
            text_of(each.small.median),
            text_of(each.large.median),
            each.factor,
            verdict(row, each.factor)
        );
    }
    return out;
}

std::string log_section(const Results& results) {
    std::string out =
        "| at the default log level, over `--log-level warning` | median | least to most "
        "|\n|---|---|---|\n";
    for (const auto& [what, figure] :
         {std::pair{"GET /orders/{id}", "get.logged"},
          {"POST /orders for 1 s", "post.logged"},
          {"orders settled", "settle.logged"}}) {
        if (const auto found = results.find("small", figure)) {
            out += fmt::format(
                "| {} | {:.2f} | {:.2f} to {:.2f} |\n",
                what,
                found->median,
                found->least,
                found->most
            );
        }
    }
    return out;
}

std::string disk_section(const Results& results) {
    std::string out = "| file | bytes an order | of which |\n|---|---|---|\n";
    for (const std::string& name : results.names("small", "disk.bytes/")) {
        const std::string file = name.substr(name.find('/') + 1);
        if (file.find('/') != std::string::npos) {
            continue;
        }
        std::string parts;
        for (const std::string& part : results.names("small", name + "/")) {
            const double bytes = results.median("small", part);
            if (bytes * 50 < results.median("small", name)) {
                continue;  // of the file; it does not grow with the orders
            }
            parts += fmt::format(
                "{}{} {:.0f}", parts.empty() ? "" : ", ", part.substr(name.size() + 1), bytes
            );
        }
        out += fmt::format("| {} | {:.0f} | {} |\n", file, results.median("small", name), parts);
    }
    if (const auto all = results.find("small", "disk.bytes")) {
        out += fmt::format("| all | {:.0f} | |\n", all->median);
    }
    return out;
}

std::string lines_section(const std::vector<std::string>& lines, std::string_view before) {
    std::string out;
    for (const std::string& line : lines) {
        out += fmt::format("{}{}\n", before, line);
    }
    return out;
}

// ---- the document

/// Puts the section between its markers.
void replace(std::string& document, const std::string& name, const std::string& section) {
    const std::string begin = "<!-- bench:" + name + " -->\n";
    const std::string end = "<!-- /bench:" + name + " -->";
    const std::size_t from = document.find(begin);
    const std::size_t to = from == std::string::npos ? from : document.find(end, from);
    if (to == std::string::npos) {
        throw std::runtime_error("the document has no section from " + begin + "to " + end);
    }
    const std::size_t first = from + begin.size();
    document.replace(first, to - first, "\n" + section + "\n");
}

std::string contents_of(const std::string& path) {
    std::ifstream in(path);
    if (!in) {
        throw std::runtime_error("cannot read " + path);
    }
    return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& text) {
    std::ofstream out(path);
    out << text;
    out.close();
    if (!out) {
        throw std::runtime_error("cannot write " + path);
    }
}

// ---- what the plots show

void write_curve(const ReportOptions& options, const Results& results, const std::string& name) {
    std::string text;
    for (const std::string_view size : {"small", "-"}) {
        for (const Point& point : results.curve(size, name)) {
            text += fmt::format("{} {}\n", point.x, point.y);
        }
    }
    write(options.data_dir + "/" + name + ".dat", text);
}

void write_plot_data(const ReportOptions& options, const Results& results) {
    std::string ratios;
    int place = 0;
    for (const auto& [figure, goal] :
         {std::pair{"get.ratio", 0.9}, {"post.ratio", 0.6}, {"settle.ratio", 0.7}}) {
        ++place;
        if (const auto* runs = results.runs("small", figure)) {
            for (const auto& [run, value] : *runs) {
                ratios += fmt::format("{} {} {}\n", place, value, goal);
            }
        }
    }
    write(options.data_dir + "/ratios.dat", ratios);
    std::string growth;
    for (const Growth& each : growth_in(results)) {
        growth += fmt::format("\"{}\" {}\n", each.what, each.factor);
    }
    write(options.data_dir + "/growth.dat", growth);
    std::string disk;
    for (const std::string& name : results.names("small", "disk.bytes/")) {
        const std::string file = name.substr(name.find('/') + 1);
        if (file.find('/') == std::string::npos) {
            disk += fmt::format("\"{}\" {}\n", file, results.median("small", name));
        }
    }
    write(options.data_dir + "/disk.dat", disk);
    for (const auto* curve :
         {"sustain.lag_s",
          "sustain.placed",
          "sustain.settled",
          "drain.delivery_behind",
          "drain.payment_history_behind"}) {
        write_curve(options, results, curve);
    }
}

}  // namespace

void write_report(const ReportOptions& options) {
    const Results results(options.results);
    const std::vector<std::pair<std::string, std::string>> sections{
        {"machine", lines_section(results.machine(), "- ")},
        {"figures", figures_section(results)},
        {"growth", growth_section(results)},
        {"log", log_section(results)},
        {"disk", disk_section(results)},
        {"commands", lines_section(results.commands(), "    ")},
    };
    for (const auto& [name, section] : sections) {
        fmt::print("{}\n", section);
    }
    if (!options.data_dir.empty()) {
        write_plot_data(options, results);
    }
    if (!options.document.empty()) {
        std::string document = contents_of(options.document);
        for (const auto& [name, section] : sections) {
            replace(document, name, section);
        }
        write(options.document, document);
    }
}

}  // namespace bookstore::bench
