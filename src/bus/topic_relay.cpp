#include "bus/topic_relay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "bus/continuity.hpp"
#include "storage/fault.hpp"

namespace bookstore::bus {
namespace {

constexpr std::size_t max_rows = 1024;  ///< of one module in one step

}  // namespace

TopicRelay::Source::Source(Outbox& its_outbox, std::int64_t relayed_to)
    : outbox(its_outbox),
      relayed(relayed_to),
      trouble(fmt::format("the relay of {}'s events", its_outbox.source())) {}

TopicRelay::TopicRelay(
    Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock, Pressure& pressure
)
    : topic_(topic), clock_(clock), pressure_(pressure) {
    for (Outbox* outbox : outboxes) {
        const std::int64_t relayed = topic_.relayed(outbox->source());
        require_same_moment(*outbox, relayed);
        outbox->relayed(relayed);
        sources_.emplace_back(*outbox, relayed);
    }
}

const TopicRelay::Source* TopicRelay::find(std::string_view source) const {
    const auto found = std::ranges::find(sources_, source, [](const Source& each) {
        return std::string_view(each.outbox.source());
    });
    return found == sources_.end() ? nullptr : &*found;
}

bool TopicRelay::healthy(std::string_view source) const {
    const Source* const found = find(source);
    return found == nullptr || found->trouble.healthy();
}

std::optional<std::int64_t> TopicRelay::waiting_since_ms() const {
    const std::int64_t since_ms = waiting_since_ms_;
    return since_ms == 0 ? std::nullopt : std::optional(since_ms);
}

BacklogState TopicRelay::backlog_state(std::string_view source) const {
    const Source* const found = find(source);
    if (!healthy() || (found != nullptr && !found->trouble.healthy())) {
        return BacklogState::failing;
    }
    const bool empty = found == nullptr || found->outbox.depth() <= 0;
    return empty ? BacklogState::empty : BacklogState::working;
}

bool TopicRelay::gives_way() {
    const std::int64_t steady_ms = clock_.steady_ms();
    const bool waits = std::ranges::any_of(sources_, [steady_ms](const Source& source) {
        return source.outbox.signalled() && source.trouble.pause_left_ms(steady_ms) == 0;
    });
    if (!waits) {
        waiting_since_ms_ = 0;
        return false;
    }
    const std::int64_t now = clock_.now_ms();
    if (waiting_since_ms_ == 0) {
        waiting_since_ms_ = now;
    }
    return pressure_.gives_way(now - waiting_since_ms_, Pressure::relay_waits_ms);
}

std::optional<std::int64_t> TopicRelay::due_in_ms() const {
    if (gave_way_) {
        return Pressure::ask_again_ms;
    }
    const std::int64_t now = clock_.steady_ms();
    if (trouble_.retry_at_ms()) {
        return trouble_.pause_left_ms(now);
    }
    std::optional<std::int64_t> due;
    for (const Source& source : sources_) {
        if (source.trouble.retry_at_ms()) {
            const std::int64_t left_ms = source.trouble.pause_left_ms(now);
            due = std::min(due.value_or(left_ms), left_ms);
        }
    }
    return due;
}

bool TopicRelay::step() {
    gave_way_ = gives_way();
    if (gave_way_ || !trouble_.may_try(clock_.steady_ms())) {
        return false;
    }
    Batch batch;
    read(batch);
    return !batch.parts.empty() && relay(batch);
}

/// A bounded number of rows of each outbox that has signalled.
void TopicRelay::read(Batch& batch) {
    for (Source& source : sources_) {
        if (!source.trouble.may_try(clock_.steady_ms()) || !source.outbox.take_signal()) {
            continue;
        }
        try {
            read(source, batch);
            if (batch.parts.empty() || batch.parts.back().source != &source) {
                source.trouble.succeeded();
            }
        } catch (const std::exception& error) {
            failed(source, error.what());
        }
    }
}

void TopicRelay::read(Source& source, Batch& batch) {
    auto rows = source.outbox.read(source.relayed, max_rows);
    if (rows.empty()) {
        return;
    }
    require_no_gap(source.relayed, rows);
    if (rows.size() == max_rows) {
        source.outbox.signal();
        const std::int64_t next_ms = rows.back().time_ms;
        batch.left_since_ms = std::min(batch.left_since_ms.value_or(next_ms), next_ms);
    }
    batch.parts.push_back(
        {.source = &source,
         .begin = batch.rows.size(),
         .count = rows.size(),
         .to = rows.back().source_position}
    );
    std::ranges::move(rows, std::back_inserter(batch.rows));
}

/// To be tried again after a pause.
void TopicRelay::failed(Source& source, std::string_view why) {
    source.trouble.failed(why, clock_.steady_ms());
    source.outbox.signal();
}

bool TopicRelay::relay(Batch& batch) {
    try {
        append_together(batch);
    } catch (const std::exception& error) {
        trouble_.failed(error.what(), clock_.steady_ms());
        for (const Part& part : batch.parts) {
            part.source->outbox.signal();
        }
        return true;
    }
    trouble_.succeeded();
    waiting_since_ms_ = batch.left_since_ms.value_or(0);
    return true;
}

/// In one transaction of the topic; or one for each source, when a row is at fault: the others'
/// must not wait for it. Throws when it is the topic that cannot be written.
void TopicRelay::append_together(Batch& batch) {
    try {
        append(batch.rows);
    } catch (const std::exception& error) {
        if (storage::fault_of(error) == storage::Fault::storage) {
            throw;
        }
        append_each(batch);
        return;
    }
    for (const Part& part : batch.parts) {
        moved(part);
    }
}

void TopicRelay::append_each(Batch& batch) {
    for (const Part& part : batch.parts) {
        const auto rows = std::span(batch.rows).subspan(part.begin, part.count);
        for (Envelope& row : rows) {
            row.position = 0;  // it was rolled back with the others
        }
        try {
            append(rows);
            moved(part);
        } catch (const std::exception& error) {
            if (storage::fault_of(error) == storage::Fault::storage) {
                throw;
            }
            failed(*part.source, error.what());
        }
    }
}

void TopicRelay::moved(const Part& part) {
    part.source->relayed = part.to;
    part.source->outbox.relayed(part.to);
    part.source->trouble.succeeded();
}

void TopicRelay::append(std::span<Envelope> rows) {
    const std::int64_t began_ms = clock_.now_ms();
    topic_.append(rows);
    if (rows.front().position > 0) {
        times_.add(
            {.from = rows.front().position - 1,
             .to = topic_.end(),
             .began_ms = began_ms,
             .committed_ms = clock_.now_ms()}
        );
    }
}

}  // namespace bookstore::bus
