#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/metrics.hpp"
#include "base/words.hpp"

namespace bookstore::observe {

/// A label and its value.
using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

/// Writes metrics as Prometheus reads them: its text format, version 0.0.4. A family is begun, then
/// its samples follow.
class Exposition {
  public:
    static constexpr std::string_view media_type = "text/plain; version=0.0.4; charset=utf-8";

    void counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
    void gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
    void histogram(std::string_view name, std::string_view help) {
        family(name, "histogram", help);
    }

    void sample(Labels labels, std::integral auto value) { line({}, labels, text_of(value)); }
    void sample(Labels labels, double value) { line({}, labels, text_of(value)); }
    /// Of a histogram: its buckets, sum and count.
    void sample(Labels labels, const HistogramCounts& counts);
    /// One sample a state; that which it is in has 1.
    void states(
        Labels labels, std::initializer_list<std::string_view> states, std::string_view current
    );
    template <Worded E>
    void states(Labels labels, E current) {
        for (const std::string_view state : words_of(current)) {
            sample_state(labels, state, state == word(current));
        }
    }

    std::string take() { return std::move(text_); }

  private:
    static std::string text_of(double value);
    static std::string text_of(std::integral auto value) { return std::to_string(value); }
    void family(std::string_view name, std::string_view type, std::string_view help);
    void sample_state(Labels labels, std::string_view state, bool current);
    void line(
        std::string_view suffix, Labels labels, std::string_view value, const Label* last = nullptr
    );
    void append_label(const Label& label);

    std::string name_;
    std::string text_;
};

}  // namespace bookstore::observe
