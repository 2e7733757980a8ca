#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bookstore::test {

using LabelValues = std::map<std::string, std::string>;

struct Sample {
    std::string name;
    LabelValues labels;
    double value = 0;

    bool has(const LabelValues& wanted) const;
};

struct Family {
    std::string type;
    std::string help;
    std::vector<Sample> samples;
};

/// Metrics in Prometheus' text format 0.0.4, read more strictly than Prometheus does: each family
/// is announced once, by HELP and then TYPE, and its samples stand right behind that.
class Scrape {
  public:
    /// Throws std::runtime_error with the line that is none.
    explicit Scrape(const std::string& text);

    const std::map<std::string, Family>& families() const { return families_; }
    /// What the samples of that name that have these labels come to; throws when there is none.
    double value(const std::string& name, const LabelValues& labels = {}) const;
    /// 0 when there is none.
    double sum(const std::string& name, const LabelValues& labels = {}) const;
    std::set<std::string> values_of(const std::string& label) const;
    std::size_t size() const;

    /// What breaks a rule of names, counters and histograms, a line each; empty when nothing does.
    std::string faults() const;
    /// What of counters and histograms is less here than it was before, or is not there any more.
    std::string fallen_since(const Scrape& before) const;

  private:
    class Reader;
    const Family* family_of(const std::string& sample) const;

    std::map<std::string, Family> families_;
};

}  // namespace bookstore::test
