#include "bus/relay.hpp"

#include <algorithm>
#include <iterator>

#include "bus/continuity.hpp"

namespace bookstore::bus {
namespace {

constexpr std::size_t max_rows = 1024;  ///< of one module in one step

}  // namespace

Relay::Relay(Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock, Pressure& pressure)
    : topic_(topic), clock_(clock), pressure_(pressure) {
    for (Outbox* outbox : outboxes) {
        const std::int64_t relayed = topic_.relayed(outbox->source());
        require_same_moment(*outbox, relayed);
        outbox->relayed(relayed);
        sources_.push_back({outbox, relayed});
    }
}

bool Relay::gives_way() {
    const bool waits = std::ranges::any_of(sources_, [](const Source& source) {
        return source.outbox->signalled();
    });
    if (!waits) {
        waiting_since_ms_.reset();
        return false;
    }
    const std::int64_t now = clock_.now_ms();
    waiting_since_ms_ = waiting_since_ms_.value_or(now);
    return pressure_.gives_way(now - *waiting_since_ms_, Pressure::relay_waits_ms);
}

std::optional<std::int64_t> Relay::due_in_ms() const {
    if (gave_way_) {
        return Pressure::ask_again_ms;
    }
    return trouble_.retry_at_ms() ? std::optional(trouble_.pause_left_ms(clock_.steady_ms()))
                                  : std::nullopt;
}

bool Relay::step() {
    gave_way_ = gives_way();
    if (gave_way_ || !trouble_.may_try(clock_.steady_ms())) {
        return false;
    }
    Batch batch;
    try {
        read(batch);
        if (!batch.rows.empty()) {
            append(batch.rows);
        }
    } catch (const std::exception& error) {
        trouble_.failed(error.what(), clock_.steady_ms());
        for (Outbox* outbox : batch.signalled) {
            outbox->signal();
        }
        return true;
    }
    trouble_.succeeded();
    if (batch.rows.empty()) {
        return false;
    }
    waiting_since_ms_ = batch.left_since_ms;
    for (const auto& [source, position] : batch.moved) {
        source->relayed = position;
        source->outbox->relayed(position);
    }
    return true;
}

/// A bounded number of rows of each outbox that has signalled.
void Relay::read(Batch& batch) {
    for (Source& source : sources_) {
        if (!source.outbox->take_signal()) {
            continue;
        }
        batch.signalled.push_back(source.outbox);
        auto rows = source.outbox->read(source.relayed, max_rows);
        if (rows.empty()) {
            continue;
        }
        require_no_gap(source.relayed, rows);
        if (rows.size() == max_rows) {
            source.outbox->signal();
            const std::int64_t next_ms = rows.back().time_ms;
            batch.left_since_ms = std::min(batch.left_since_ms.value_or(next_ms), next_ms);
        }
        batch.moved.emplace_back(&source, rows.back().source_position);
        std::ranges::move(rows, std::back_inserter(batch.rows));
    }
}

void Relay::append(std::vector<Envelope>& rows) {
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
