#include "observe/exposition.hpp"

#include <fmt/format.h>

namespace bookstore::observe {
namespace {

/// Line breaks and backslashes, and in a label's value quotes, are escaped by a backslash.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\\' || (quotes && c == '"')) {
            out += '\\';
            out += c;
        } else {
            out += c;
        }
    }
}

}  // namespace

std::string Exposition::text_of(double value) {
    return fmt::format("{}", value);
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} ", name);
    append_escaped(text_, help, false);
    text_ += fmt::format("\n# TYPE {} {}\n", name, type);
}

void Exposition::sample(Labels labels, const HistogramCounts& counts) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < counts.bounds.size(); ++i) {
        total += counts.buckets[i];
        const std::string bound = text_of(static_cast<double>(counts.bounds[i]) * counts.scale);
        const Label most{"le", bound};
        line("_bucket", labels, text_of(total), &most);
    }
    total += counts.buckets.back();
    const Label most{"le", "+Inf"};
    line("_bucket", labels, text_of(total), &most);
    line("_sum", labels, text_of(static_cast<double>(counts.sum) * counts.scale));
    line("_count", labels, text_of(total));
}

void Exposition::states(
    Labels labels, std::initializer_list<std::string_view> states, std::string_view current
) {
    for (const std::string_view state : states) {
        sample_state(labels, state, state == current);
    }
}

void Exposition::sample_state(Labels labels, std::string_view state, bool current) {
    const Label one{"state", state};
    line({}, labels, current ? "1" : "0", &one);
}

void Exposition::line(
    std::string_view suffix, Labels labels, std::string_view value, const Label* last
) {
    text_ += name_;
    text_ += suffix;
    if (labels.size() > 0 || last != nullptr) {
        text_ += '{';
        for (const Label& label : labels) {
            append_label(label);
        }
        if (last != nullptr) {
            append_label(*last);
        }
        text_.back() = '}';
    }
    text_ += ' ';
    text_ += value;
    text_ += '\n';
}

void Exposition::append_label(const Label& label) {
    text_ += label.first;
    text_ += "=\"";
    append_escaped(text_, label.second, true);
    text_ += "\",";
}

}  // namespace bookstore::observe
