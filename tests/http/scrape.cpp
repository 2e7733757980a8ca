#include "scrape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <regex>
#include <stdexcept>
#include <utility>

namespace bookstore::test {
namespace {

const std::regex metric_name("[a-zA-Z_:][a-zA-Z0-9_:]*");
const std::regex label_name("[a-zA-Z_][a-zA-Z0-9_]*");

bool ends_a_name(char c) {
    return c == '{' || c == ' ';
}

std::optional<double> number_in(std::string_view text) {
    if (text == "+Inf") {
        return std::numeric_limits<double>::infinity();
    }
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::string text_of(const Sample& sample) {
    std::string labels;
    for (const auto& [name, value] : sample.labels) {
        labels += fmt::format("{}={} ", name, value);
    }
    return fmt::format("{} {}", sample.name, labels);
}

LabelValues without_le(LabelValues labels) {
    labels.erase("le");
    return labels;
}

/// The faults of one histogram: the samples of one set of labels.
std::string histogram_faults(const std::string& name, const std::vector<Sample>& samples) {
    std::string faults;
    double bound = -std::numeric_limits<double>::infinity();
    double buckets = 0;
    std::optional<double> count;
    bool sum = false;
    for (const Sample& sample : samples) {
        if (sample.name == name + "_bucket") {
            const auto le = sample.labels.find("le");
            const auto next = le == sample.labels.end() ? std::nullopt : number_in(le->second);
            if (!next || *next <= bound) {
                faults += text_of(sample) + ": not above the last bound\n";
            }
            if (sample.value < buckets) {
                faults += text_of(sample) + ": not cumulative\n";
            }
            bound = next.value_or(bound);
            buckets = sample.value;
        } else if (sample.name == name + "_count") {
            count = sample.value;
        } else {
            sum = sample.name == name + "_sum" && sample.value >= 0;
        }
    }
    if (bound != std::numeric_limits<double>::infinity()) {
        faults += name + ": no bucket of +Inf\n";
    }
    if (count != buckets) {
        faults += name + ": its count is not its last bucket\n";
    }
    if (!sum) {
        faults += name + ": no sum\n";
    }
    return faults;
}

std::string faults_of(const std::string& name, const Family& family) {
    std::string faults;
    if (family.type == "counter" && !name.ends_with("_total")) {
        faults += name + ": no _total\n";
    }
    if (family.type != "counter" && name.ends_with("_total")) {
        faults += name + ": no counter\n";
    }
    if (family.help.empty()) {
        faults += name + ": no help\n";
    }
    std::map<LabelValues, std::vector<Sample>> histograms;
    std::set<std::string> seen;
    for (const Sample& sample : family.samples) {
        if (!seen.insert(text_of(sample)).second) {
            faults += text_of(sample) + ": twice\n";
        }
        if (sample.value < 0) {
            faults += text_of(sample) + ": negative\n";
        }
        const bool whole = sample.value == std::floor(sample.value);
        const bool seconds = name.find("seconds") != name.npos;
        if (family.type == "counter" && !whole && !seconds) {
            faults += name + ": no whole number\n";
        }
        if (family.type == "histogram") {
            histograms[without_le(sample.labels)].push_back(sample);
        }
    }
    for (const auto& [labels, samples] : histograms) {
        faults += histogram_faults(name, samples);
    }
    return faults;
}

}  // namespace

bool Sample::has(const LabelValues& wanted) const {
    return std::ranges::all_of(wanted, [this](const auto& label) {
        const auto found = labels.find(label.first);
        return found != labels.end() && found->second == label.second;
    });
}

/// Reads one line.
class Scrape::Reader {
  public:
    explicit Reader(std::string_view line) : line_(line), rest_(line) {}

    bool take(std::string_view text) {
        if (!rest_.starts_with(text)) {
            return false;
        }
        rest_.remove_prefix(text.size());
        return true;
    }
    void expect(std::string_view text) {
        if (!take(text)) {
            fail();
        }
    }
    std::string name(const std::regex& shape) {
        const auto end =
            std::ranges::find_if(rest_, [](char c) { return ends_a_name(c) || c == '='; });
        const std::string name(rest_.begin(), end);
        if (!std::regex_match(name, shape)) {
            fail();
        }
        rest_.remove_prefix(name.size());
        return name;
    }
    std::string rest() { return std::string(std::exchange(rest_, {})); }
    LabelValues labels() {
        LabelValues labels;
        if (!take("{")) {
            return labels;
        }
        do {
            const std::string name = this->name(label_name);
            expect("=\"");
            if (!labels.emplace(name, quoted()).second) {
                fail();
            }
        } while (take(","));
        expect("}");
        return labels;
    }
    double number() {
        const auto number = number_in(rest());
        if (!number) {
            fail();
        }
        return *number;
    }
    [[noreturn]] void fail() const {
        throw std::runtime_error(fmt::format("this is no metric: {}", line_));
    }

  private:
    /// Up to the closing quote.
    std::string quoted() {
        std::string value;
        while (!take("\"")) {
            if (rest_.empty()) {
                fail();
            }
            if (take("\\")) {
                if (take("n")) {
                    value += '\n';
                } else if (rest_.starts_with('\\') || rest_.starts_with('"')) {
                    value += rest_.front();
                    rest_.remove_prefix(1);
                } else {
                    fail();
                }
                continue;
            }
            value += rest_.front();
            rest_.remove_prefix(1);
        }
        return value;
    }

    std::string_view line_;
    std::string_view rest_;
};

Scrape::Scrape(const std::string& text) {
    if (!text.ends_with('\n')) {
        throw std::runtime_error("the last line has no end");
    }
    std::string announced;  // by HELP, waits for TYPE
    std::string current;
    std::string_view rest = text;
    while (!rest.empty()) {
        Reader line(rest.substr(0, rest.find('\n')));
        rest.remove_prefix(rest.find('\n') + 1);
        if (line.take("# HELP ")) {
            announced = line.name(metric_name);
            line.expect(" ");
            if (!families_.emplace(announced, Family{{}, line.rest(), {}}).second) {
                line.fail();
            }
        } else if (line.take("# TYPE ")) {
            current = line.name(metric_name);
            line.expect(" ");
            families_[current].type = line.rest();
            const bool known = std::set<std::string>{"counter", "gauge", "histogram"}.contains(
                families_[current].type
            );
            if (std::exchange(announced, {}) != current || !known) {
                line.fail();
            }
        } else {
            Sample sample{line.name(metric_name), line.labels(), 0};
            line.expect(" ");
            sample.value = line.number();
            const Family* family = family_of(sample.name);
            if (!announced.empty() || family == nullptr || family != &families_[current]) {
                line.fail();
            }
            families_[current].samples.push_back(std::move(sample));
        }
    }
}

const Family* Scrape::family_of(const std::string& sample) const {
    const auto own = families_.find(sample);
    if (own != families_.end()) {
        return own->second.type == "histogram" ? nullptr : &own->second;
    }
    for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
        if (!sample.ends_with(suffix)) {
            continue;
        }
        const auto found = families_.find(sample.substr(0, sample.size() - suffix.size()));
        if (found != families_.end() && found->second.type == "histogram") {
            return &found->second;
        }
    }
    return nullptr;
}

double Scrape::value(const std::string& name, const LabelValues& labels) const {
    const Family* family = family_of(name);
    const auto fits = [&](const Sample& sample) {
        return sample.name == name && sample.has(labels);
    };
    if (family == nullptr || std::ranges::none_of(family->samples, fits)) {
        throw std::runtime_error(
            fmt::format("there is no sample of {}", text_of(Sample{name, labels, 0}))
        );
    }
    return sum(name, labels);
}

double Scrape::sum(const std::string& name, const LabelValues& labels) const {
    const Family* family = family_of(name);
    double sum = 0;
    if (family != nullptr) {
        for (const Sample& sample : family->samples) {
            sum += sample.name == name && sample.has(labels) ? sample.value : 0;
        }
    }
    return sum;
}

std::set<std::string> Scrape::values_of(const std::string& label) const {
    std::set<std::string> values;
    for (const auto& [name, family] : families_) {
        for (const Sample& sample : family.samples) {
            const auto found = sample.labels.find(label);
            if (found != sample.labels.end()) {
                values.insert(found->second);
            }
        }
    }
    return values;
}

std::size_t Scrape::size() const {
    std::size_t size = 0;
    for (const auto& [name, family] : families_) {
        size += family.samples.size();
    }
    return size;
}

std::string Scrape::faults() const {
    std::string faults;
    for (const auto& [name, family] : families_) {
        faults += faults_of(name, family);
    }
    return faults;
}

std::string Scrape::fallen_since(const Scrape& before) const {
    std::string fallen;
    for (const auto& [name, family] : before.families_) {
        if (family.type == "gauge") {
            continue;
        }
        const auto now = families_.find(name);
        for (const Sample& sample : family.samples) {
            const bool there = now != families_.end() &&
                               std::ranges::any_of(now->second.samples, [&](const Sample& later) {
                                   return later.name == sample.name &&
                                          later.labels == sample.labels &&
                                          later.value >= sample.value;
                               });
            if (!there) {
                fallen += text_of(sample) + "\n";
            }
        }
    }
    return fallen;
}

}  // namespace bookstore::test
