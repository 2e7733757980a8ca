#include "bus/relay.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <iterator>

namespace bookstore::bus {
namespace {

constexpr std::size_t max_rows = 1024;  ///< of one module in one step
constexpr std::int64_t retry_ms = 200;  ///< after a storage error

}  // namespace

Relay::Relay(Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock)
    : topic_(topic), clock_(clock) {
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

bool Relay::step() {
    if (retry_at_ms_ && clock_.steady_ms() < *retry_at_ms_) {
        return false;
    }
    retry_at_ms_.reset();
    std::vector<Envelope> rows;
    std::vector<std::pair<Source*, std::int64_t>> moved;
    std::vector<Outbox*> signalled;
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
            }
            moved.emplace_back(&source, read.back().source_position);
            std::ranges::move(read, std::back_inserter(rows));
        }
        if (rows.empty()) {
            return false;
        }
        topic_.append(rows);
    } catch (const std::exception& error) {
        spdlog::error("relay: {}", error.what());
        for (Outbox* outbox : signalled) {
            outbox->signal();
        }
        healthy_ = false;
        retry_at_ms_ = clock_.steady_ms() + retry_ms;
        return true;
    }
    healthy_ = true;
    for (const auto& [source, position] : moved) {
        source->relayed = position;
        source->outbox->relayed(position);
    }
    return true;
}

}  // namespace bookstore::bus
