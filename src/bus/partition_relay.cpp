#include "bus/partition_relay.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "bus/continuity.hpp"
#include "bus/row_id.hpp"

namespace bookstore::bus {
namespace {

constexpr std::size_t max_rows = 512;            ///< of one source in one step
constexpr std::int64_t max_under_way = 4096;     ///< of one source
constexpr std::int64_t overdue_ms = 10'000;      ///< then what was sent may be lost
constexpr std::int64_t sync_after_ms = 200;      ///< rows stay in the outboxes that long
constexpr std::int64_t stalled_after_ms = 1000;  ///< then it is the broker that is waited for

}  // namespace

PartitionRelay::Source::Source(const Hosted& hosted, Mirror& mirror)
    : owner(hosted.outbox, hosted.gate, mirror, hosted.cursors),
      trouble(fmt::format("the relay of {}'s events", hosted.outbox.source())) {}

PartitionRelay::PartitionRelay(
    Mirror& mirror, Pipe& pipe, std::vector<Hosted> hosted, const Clock& clock, Pressure& pressure
)
    : mirror_(mirror), pipe_(pipe), clock_(clock), pressure_(pressure) {
    for (const Hosted& each : hosted) {
        sources_.emplace_back(each, mirror_);
        each.outbox.arrived(mirror_.mark(each.outbox.source()).position);
    }
    mirror_.on_accepting([this](const Record& record) {
        const auto its = std::ranges::find(sources_, record.event.source, [](const Source& each) {
            return std::string_view(each.owner.source());
        });
        if (its != sources_.end()) {
            its->owner.look_at(record);
        }
    });
    moved_steady_ms_ = clock_.steady_ms();
    look_again();
}

const PartitionRelay::Source* PartitionRelay::find(std::string_view source) const {
    const auto found = std::ranges::find(sources_, source, [](const Source& each) {
        return std::string_view(each.owner.source());
    });
    return found == sources_.end() ? nullptr : &*found;
}

// ---- how it stands

bool PartitionRelay::healthy(std::string_view source) const {
    const Source* const found = find(source);
    return found == nullptr || (found->trouble.healthy() && !found->owner.gate().refuses());
}

/// A broker that is away is no load: what waits for it alone holds nobody up.
std::optional<std::int64_t> PartitionRelay::waiting_since_ms() const {
    const std::int64_t since_ms = waiting_since_ms_;
    return since_ms == 0 || stalled_ ? std::nullopt : std::optional(since_ms);
}

BacklogState PartitionRelay::backlog_state(std::string_view source) const {
    if (!healthy() || !healthy(source)) {
        return BacklogState::failing;
    }
    const Source* const found = find(source);
    const bool empty = found == nullptr || found->owner.outbox().depth() <= 0;
    return empty ? BacklogState::empty : BacklogState::working;
}

std::optional<std::int64_t> PartitionRelay::due_in_ms() const {
    if (mirror_.refuses()) {
        return std::nullopt;
    }
    std::optional<std::int64_t> due = mirror_.due_in_ms();
    const auto consider = [&due](std::int64_t ms) {
        due = std::min(due.value_or(ms), std::max<std::int64_t>(ms, 0));
    };
    if (gave_way_) {
        consider(Pressure::ask_again_ms);
    }
    if (waits_for_files()) {
        consider(storage::StorageTrouble::pause_ms);
    }
    const std::int64_t now = clock_.steady_ms();
    if (unsynced_steady_ms_ >= 0 && mirror_.healthy()) {
        consider(unsynced_steady_ms_ + sync_after_ms - now);
    }
    for (const Source& source : sources_) {
        if (source.trouble.retry_at_ms()) {
            consider(source.trouble.pause_left_ms(now));
        }
        if (!in_doubt_ && source.sent > mirror_.mark(source.owner.source()).position) {
            consider(moved_steady_ms_ + overdue_ms - now);
        }
    }
    return due;
}

std::string PartitionRelay::fault() const {
    if (mirror_.refuses()) {
        return mirror_.refusal();
    }
    return mirror_.healthy() ? "" : "the mirror of the topic cannot be written (topic.db)";
}

// ---- stepping

bool PartitionRelay::step() {
    bool did = mirror_.step();
    if (did || waits_for_files()) {
        look_again();
    }
    if (mirror_.refuses()) {
        return did;
    }
    settle();
    if (const auto why = pipe_.sending_failed()) {
        doubt(*why);
        did = true;
    } else if (is_overdue()) {
        doubt("what was sent has not come back");
        did = true;
    }
    if (in_doubt_ && mirror_.at_end()) {
        in_doubt_ = false;
        moved_steady_ms_ = clock_.steady_ms();
        did = true;
    }
    did = send() || did;
    return sync() || did;
}

bool PartitionRelay::waits_for_files() const {
    return std::ranges::any_of(sources_, [](const Source& source) {
        return source.owner.waits_for_its_file();
    });
}

void PartitionRelay::look_again() {
    for (Source& source : sources_) {
        source.owner.look_again();
    }
}

/// What the mirror has taken is not under way any more.
void PartitionRelay::settle() {
    bool waits = false;
    bool moved = false;
    for (Source& source : sources_) {
        const std::int64_t mark = mirror_.mark(source.owner.source()).position;
        Outbox& outbox = source.owner.outbox();
        moved = moved || outbox.arrived() != mark;
        outbox.arrived(mark);
        if (source.sent < mark) {
            source.sent = mark;
            source.sent_id.clear();
        }
        waits = waits || source.sent > mark || outbox.signalled();
    }
    const std::int64_t steady_ms = clock_.steady_ms();
    if (moved || !waits) {
        moved_steady_ms_ = steady_ms;
    }
    stalled_ = in_doubt_ || steady_ms - moved_steady_ms_ > stalled_after_ms;
    if (!waits) {
        waiting_since_ms_ = 0;
    } else if (moved || waiting_since_ms_ == 0) {
        waiting_since_ms_ = clock_.now_ms();
    }
    if (unsynced_steady_ms_ < 0 && !mirror_.is_synced()) {
        unsynced_steady_ms_ = steady_ms;
    }
}

bool PartitionRelay::is_overdue() const {
    if (in_doubt_ || clock_.steady_ms() - moved_steady_ms_ < overdue_ms) {
        return false;
    }
    return std::ranges::any_of(sources_, [this](const Source& source) {
        return source.sent > mirror_.mark(source.owner.source()).position;
    });
}

/// What is on its way may be lost, or come later: sent again, when all that came is read.
void PartitionRelay::doubt(std::string_view why) {
    spdlog::warn(
        "what was sent to the Kafka topic {} is sent again: {}", mirror_.topic_name(), why
    );
    doubts_.add();
    pipe_.restart_sending();
    for (Source& source : sources_) {
        source.sent = mirror_.mark(source.owner.source()).position;
        source.sent_id.clear();
        source.owner.outbox().signal();
    }
    in_doubt_ = true;
    mirror_.audit();
}

bool PartitionRelay::gives_way() {
    const bool waits = std::ranges::any_of(sources_, [](const Source& source) {
        return source.owner.outbox().signalled();
    });
    return waits &&
           pressure_.gives_way(clock_.now_ms() - waiting_since_ms_, Pressure::relay_waits_ms);
}

bool PartitionRelay::send() {
    gave_way_ = gives_way();
    if (gave_way_ || in_doubt_) {
        return false;
    }
    bool sent = false;
    for (Source& source : sources_) {
        sent = send(source) || sent;
    }
    return sent;
}

bool PartitionRelay::send(Source& source) {
    const std::int64_t mark = mirror_.mark(source.owner.source()).position;
    if (!source.owner.gate().is_open() || !source.trouble.may_try(clock_.steady_ms()) ||
        source.sent - mark >= max_under_way || !source.owner.outbox().take_signal()) {
        return false;
    }
    try {
        read_and_send(source, mark);
        source.trouble.succeeded();
    } catch (const std::exception& error) {
        source.trouble.failed(error.what(), clock_.steady_ms());
        source.owner.outbox().signal();
    }
    return true;
}

void PartitionRelay::read_and_send(Source& source, std::int64_t mark) {
    Outbox& outbox = source.owner.outbox();
    source.sent = std::max(source.sent, mark);
    std::string previous =
        source.sent_id.empty() ? id_before(source, mirror_.mark(outbox.source())) : source.sent_id;
    auto rows = outbox.read(source.sent, max_rows);
    require_no_gap(source.sent, rows);
    if (rows.size() == max_rows) {
        outbox.signal();
    }
    const View seen = mirror_.view();
    for (Envelope& row : rows) {
        std::string id = row_id(row);
        source.owner.knows(row.source_position, id);
        source.sent = row.source_position;
        source.sent_id = id;
        pipe_.send({std::move(row), id, std::exchange(previous, id), seen});
    }
}

/// The id of the row before the next to be sent. It is in the outbox, unless that was relayed into
/// a log of its own before.
std::string PartitionRelay::id_before(Source& source, const Mark& mark) {
    if (source.sent == 0) {
        return {};
    }
    const auto rows = source.owner.outbox().read(source.sent - 1, 1);
    if (!rows.empty() && rows.front().source_position == source.sent) {
        return row_id(rows.front());
    }
    if (source.sent == mark.position) {
        return mark.id;
    }
    throw std::runtime_error(fmt::format("its outbox lacks event {}", source.sent));
}

bool PartitionRelay::sync() {
    if (unsynced_steady_ms_ < 0 || !mirror_.healthy() ||
        clock_.steady_ms() - unsynced_steady_ms_ < sync_after_ms) {
        return false;
    }
    try {
        mirror_.sync();
    } catch (const std::exception& error) {
        spdlog::debug("the mirror of the topic: {}", error.what());
        unsynced_steady_ms_ = clock_.steady_ms();
        return false;
    }
    unsynced_steady_ms_ = -1;
    for (Source& source : sources_) {
        const std::int64_t synced = mirror_.synced(source.owner.source());
        if (synced != source.synced && source.owner.gate().is_open()) {
            source.synced = synced;
            Outbox& outbox = source.owner.outbox();
            outbox.may_remove(std::min(synced, outbox.newest() - 1));
        }
    }
    return true;
}

}  // namespace bookstore::bus
