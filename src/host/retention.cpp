#include "host/retention.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace bookstore::host {
namespace {

constexpr int told_after_looks = 60;  ///< whoever works is a little behind
constexpr std::int64_t look_every_ms = 1000;
constexpr std::size_t events_at_once = 1024;  ///< some 5 ms, for which what is to be relayed waits
constexpr int pages_at_once = 256;
/// It is cut when there is so much more than is kept: a part of that. Each cut costs every read
/// model a few transactions.
constexpr std::int64_t slack_part = 16;

}  // namespace

Retention::Retention(
    bus::Topic& topic,
    const Modules& modules,
    const Clock& clock,
    RetentionOptions options,
    std::function<void()> ring
)
    : topic_(topic), modules_(modules), clock_(clock), options_(options), ring_(std::move(ring)) {}

std::optional<std::int64_t> Retention::due_in_ms() const {
    if (!options_.limited()) {
        return std::nullopt;
    }
    if (trouble_.retry_at_ms()) {
        return trouble_.pause_left_ms(clock_.steady_ms());
    }
    return asked_ ? std::nullopt
                  : std::optional(std::max<std::int64_t>(next_look_ms_ - clock_.steady_ms(), 0));
}

bool Retention::step() {
    if (!options_.limited() || !trouble_.may_try(clock_.steady_ms())) {
        return false;
    }
    try {
        const bool did = work();
        trouble_.succeeded();
        return did;
    } catch (const storage::Error& error) {
        trouble_.failed(error.what(), clock_.steady_ms());
        return false;
    }
}

bool Retention::work() {
    if (cutting_to_ > 0) {
        if (topic_.cut(cutting_to_, events_at_once) == 0) {
            spdlog::info("the log begins at {} now", topic_.first());
            cutting_to_ = 0;
            giving_back_ = true;
        }
        return true;
    }
    if (giving_back_) {
        giving_back_ = topic_.give_back(pages_at_once);
        return giving_back_;
    }
    if (asked_) {
        return take_answers();
    }
    if (clock_.steady_ms() < next_look_ms_) {
        return false;
    }
    next_look_ms_ = clock_.steady_ms() + look_every_ms;
    if (const std::int64_t position = wanted(); position >= topic_.first()) {
        ask(position);
    }
    return false;
}

/// Up to where the options let the log go.
std::int64_t Retention::wanted() {
    std::int64_t position = 0;
    if (options_.max_age_ms > 0) {
        position = std::max(position, too_old());
    }
    if (options_.max_bytes > 0) {
        position = std::max(position, too_much());
    }
    return std::min(position, topic_.end() - 1);
}

std::int64_t Retention::too_old() {
    const std::int64_t kept_since_ms = clock_.now_ms() - options_.max_age_ms;
    const auto oldest = topic_.time_of_next_after(topic_.first() - 1);
    if (!oldest || *oldest >= kept_since_ms - options_.max_age_ms / slack_part) {
        return 0;
    }
    // Events stand about in the order of their times: a context whose events come late has others
    // in front of them.
    std::int64_t old = topic_.first();
    std::int64_t young = topic_.end() + 1;
    while (old + 1 < young) {
        const std::int64_t middle = old + (young - old) / 2;
        const auto time = topic_.time_of_next_after(middle - 1);
        (time && *time < kept_since_ms ? old : young) = middle;
    }
    return old;
}

std::int64_t Retention::too_much() {
    const std::int64_t used = topic_.space().used_bytes;
    if (used <= options_.max_bytes + options_.max_bytes / slack_part) {
        return 0;
    }
    const double part = static_cast<double>(used - options_.max_bytes) / static_cast<double>(used);
    const auto events = static_cast<double>(topic_.end() - topic_.first() + 1);
    return topic_.first() - 1 + static_cast<std::int64_t>(events * part);
}

void Retention::ask(std::int64_t position) {
    asked_for_ = position;
    asked_ = std::make_shared<Answers>();
    asked_->missing = modules_.size();
    asked_->floor = position;
    for (const auto& module : modules_) {
        module->log_may_be_cut(position, [answers = asked_, ring = ring_](std::int64_t floor) {
            {
                const std::scoped_lock lock(answers->mutex);
                --answers->missing;
                answers->floor = std::min(answers->floor, floor);
            }
            ring();
        });
    }
}

bool Retention::take_answers() {
    std::int64_t floor = 0;
    {
        const std::scoped_lock lock(asked_->mutex);
        if (asked_->missing > 0) {
            return false;
        }
        floor = asked_->floor;
    }
    asked_.reset();
    if (floor >= topic_.first()) {
        cutting_to_ = floor;
        kept_looks_ = 0;
        return true;
    }
    if (++kept_looks_ == told_after_looks) {
        spdlog::info(
            "the log could be cut at {}, but somebody has still to read from {} on",
            asked_for_,
            floor + 1
        );
    }
    return false;
}

}  // namespace bookstore::host
