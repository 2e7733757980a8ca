#include "bus/relay.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

namespace bookstore::bus {
namespace {

constexpr std::size_t max_rows = 1024;  ///< of one module in one step
constexpr std::int64_t retry_ms = 200;  ///< after a storage error

}  // namespace

Relay::Relay(Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock, Pressure& pressure)
    : topic_(topic), clock_(clock), pressure_(pressure) {
    for (Outbox* outbox : outboxes) {
        const std::int64_t relayed = topic_.relayed(outbox->source());
        if (outbox->newest() < relayed) {
            throw storage::Refused(fmt::format(
                "the data directory was put together from different moments: topic.db has event {} "
                "of {}, but {}.db never published it (its last is {}); restore both from one "
                "backup",
                relayed,
                outbox->source(),
                outbox->source(),
                outbox->newest()
            ));
        }
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

std::optional<std::int64_t> Relay::next_due_ms() const {
    return gave_way_ ? std::optional(clock_.steady_ms() + Pressure::look_again_ms) : retry_at_ms_;
}

bool Relay::step() {
    gave_way_ = gives_way();
    if (gave_way_) {
        return false;
    }
    if (retry_at_ms_ && clock_.steady_ms() < *retry_at_ms_) {
        return false;
    }
    retry_at_ms_.reset();
    std::vector<Envelope> rows;
    std::vector<std::pair<Source*, std::int64_t>> moved;
    std::vector<Outbox*> signalled;
    std::optional<std::int64_t> left_since_ms;  // about when the oldest row that stays was written
    try {
        for (Source& source : sources_) {
            if (!source.outbox->take_signal()) {
                continue;
            }
            signalled.push_back(source.outbox);
            auto read = source.outbox->read(source.relayed, max_rows);
            if (read.empty()) {
                continue;
            }
            if (read.size() == max_rows) {
                source.outbox->signal();
                const std::int64_t next_ms = read.back().time_ms;
                left_since_ms = std::min(left_since_ms.value_or(next_ms), next_ms);
            }
            moved.emplace_back(&source, read.back().source_position);
            std::ranges::move(read, std::back_inserter(rows));
        }
        if (rows.empty()) {
            healthy_ = true;
            return false;
        }
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
    } catch (const std::exception& error) {
        // Once, not at every attempt: a log on the same disk must not fill it too.
        const bool first = healthy_.exchange(false);
        spdlog::log(first ? spdlog::level::err : spdlog::level::debug, "relay: {}", error.what());
        for (Outbox* outbox : signalled) {
            outbox->signal();
        }
        retry_at_ms_ = clock_.steady_ms() + retry_ms;
        return true;
    }
    healthy_ = true;
    waiting_since_ms_ = left_since_ms;
    for (const auto& [source, position] : moved) {
        source->relayed = position;
        source->outbox->relayed(position);
    }
    return true;
}

}  // namespace bookstore::bus
