#include "bus/mirror.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "bus/row_id.hpp"
#include "storage/error.hpp"

namespace bookstore::bus {
namespace {

constexpr std::size_t max_records = 1024;   ///< of one step
constexpr std::size_t max_hashes = 4096;    ///< in memory
constexpr std::int64_t ask_again_ms = 200;  ///< where it ended before the last record

/// What it is known again by.
LastRecord last_record(const Arrived& arrived) {
    return {
        .offset = arrived.offset,
        .id = arrived.record ? arrived.record->id : std::string(),
        .appended_ms = arrived.appended_ms
    };
}

}  // namespace

Mirror::Mirror(Topic& topic, Pipe& pipe, const Clock& clock, Options options)
    : topic_(topic), pipe_(pipe), clock_(clock), options_(std::move(options)) {
    std::optional<ReadTo> stored;
    {
        const storage::Reader reader = topic_.reader();
        stored = MirrorTable::read_to(*reader);
    }
    if (!stored && topic_.end() > 0) {
        throw storage::Refused(fmt::format(
            "topic.db is a log of its own, with {} events, and no mirror of the Kafka topic {}: "
            "carry it there first (bookstore topic republish)",
            topic_.end(),
            options_.topic
        ));
    }
    if (stored && stored->topic != options_.topic) {
        throw storage::Refused(fmt::format(
            "topic.db is a mirror of the Kafka topic {}, not of {}: start with --kafka-topic {}, "
            "or with the directory that belongs to {}",
            stored->topic,
            options_.topic,
            stored->topic,
            options_.topic
        ));
    }
    if (!stored) {
        // Known from now on, also when nothing was read: or an offline tool, or a start without the
        // partition, would relay into it as into a log of its own.
        topic_.commit_now({
            .durable = true,
            .run =
                [this](storage::Connection& db) {
                    MirrorTable::write(db, {.topic = options_.topic});
                    return true;
                },
            .done = {},
        });
    }
    topic_.become_mirror([this](std::int64_t position) { return hash_at(position); });
    topic_.after_reopening([this] { rereads_ = true; });
    reload();
}

/// As the file has it. A commit that was reported as failed may be there.
void Mirror::reload() {
    {
        const std::scoped_lock lock(mutex_);
        hashes_.clear();
    }
    const storage::Reader reader = topic_.reader();
    auto read_to = MirrorTable::read_to(*reader).value_or(ReadTo{.topic = options_.topic});
    auto marks = MirrorTable::marks(*reader);
    const auto last = MirrorTable::last(*reader);
    topic_.refresh();
    // Nothing of it is known before all of it is.
    read_to_ = std::move(read_to);
    marks_ = std::move(marks);
    view_ = last ? View{last->position, last->hash} : View{};
}

void Mirror::audit() {
    stats_.audits.add();
    at_end_ = false;
    auditing_ = read_to_.last.has_value();
    next_audit_ms_ = clock_.steady_ms() + options_.audit_every_ms;
    pipe_.read_from(auditing_ ? read_to_.last->offset : read_to_.next_offset);
}

std::optional<std::int64_t> Mirror::due_in_ms() const {
    if (refuses()) {
        return std::nullopt;
    }
    const std::int64_t now = clock_.steady_ms();
    if (trouble_.retry_at_ms()) {
        return trouble_.pause_left_ms(now);
    }
    return options_.audit_every_ms == 0 && short_since_ms_ < 0
               ? std::nullopt
               : std::optional(std::max<std::int64_t>(next_audit_ms_ - now, 0));
}

// ---- reading

bool Mirror::step() {
    const std::int64_t now = clock_.steady_ms();
    if (refuses() || !trouble_.may_try(now)) {
        return false;
    }
    if (rereads_) {
        try {
            reload();
        } catch (const storage::Error& error) {
            trouble_.failed(error.what(), now);
            return true;
        }
        rereads_ = false;
        audit();
    } else if (now >= next_audit_ms_ &&
               (short_since_ms_ >= 0 || (options_.audit_every_ms > 0 && at_end_))) {
        audit();
    }
    Batch batch{.read_to = read_to_, .hash = view_.hash};
    const auto events = pipe_.read(max_records);
    take_all(batch, events);
    if (batch.moved) {
        commit(batch);
    }
    return !events.empty();
}

/// What was read and not taken is read once more, after a pause.
void Mirror::read_again(std::string_view why) {
    trouble_.failed(why, clock_.steady_ms());
    rereads_ = true;
}

/// What came before a contradiction, or before what cannot be looked at now, is right.
void Mirror::take_all(Batch& batch, const std::vector<PipeEvent>& events) {
    try {
        const auto contradicts = [&](const PipeEvent& event) { return !take(event, batch); };
        static_cast<void>(std::ranges::find_if(events, contradicts));
    } catch (const storage::Error& error) {
        read_again(error.what());
    }
}

/// false: nothing that comes after it is to be taken.
bool Mirror::take(const PipeEvent& event, Batch& batch) {
    return std::visit([&](const auto& each) { return take(each, batch); }, event);
}

bool Mirror::take(const End& end, Batch& batch) {
    if (auditing_) {
        return ends_short(end.offset);
    }
    if (end.offset >= batch.read_to.next_offset) {
        at_end_ = true;
        ready_.store(true, std::memory_order_release);
    }
    return true;
}

bool Mirror::ends_short(std::int64_t offset) {
    const std::int64_t now = clock_.steady_ms();
    if (short_since_ms_ < 0) {
        short_since_ms_ = now;
    }
    if (now - short_since_ms_ >= options_.short_for_ms) {
        return refuse(fmt::format(
            "it ends at offset {}, and topic.db has the record there: the broker lost it", offset
        ));
    }
    next_audit_ms_ = now + ask_again_ms;
    return false;
}

bool Mirror::take(const Doubt& doubt, Batch&) {
    spdlog::warn("the Kafka topic {}: {}", options_.topic, doubt.why);
    rereads_ = true;  // with the audit that belongs to it
    return false;
}

bool Mirror::take(const OutOfRange& gone, Batch& batch) {
    return refuse(fmt::format(
        "topic.db has read it up to offset {}, which it does not have any more ({})",
        batch.read_to.next_offset - 1,
        gone.why
    ));
}

bool Mirror::take(const Unfit& unfit, Batch&) {
    return refuse(unfit.why);
}

bool Mirror::take(const Arrived& arrived, Batch& batch) {
    if (auditing_) {
        return passes_audit(arrived);
    }
    const std::int64_t next = batch.read_to.next_offset;
    if (arrived.offset < next) {
        return refuse(fmt::format("behind offset {} comes {}", next - 1, arrived.offset));
    }
    // The marks of a stranger's transaction take offsets at which no record stands, also when they
    // are read once more.
    if (arrived.offset > next && std::exchange(gap_at_, next) != next) {
        rereads_ = true;
        return false;
    }
    stats_.read.add();
    if (!arrived.record) {
        stats_.foreign.add();
        spdlog::warn(
            "the Kafka topic {}, offset {}: {}", options_.topic, arrived.offset, arrived.flaw
        );
    } else if (!fits(arrived.record->seen, batch)) {
        const Record& record = *arrived.record;
        return refuse(fmt::format(
            "whoever sent event {} of {} (offset {}) had seen {} events of it, and they are not "
            "those of topic.db",
            record.event.source_position,
            record.event.source,
            arrived.offset,
            record.seen.length
        ));
    } else {
        accept(*arrived.record, batch);
    }
    batch.moved = true;
    batch.read_to.next_offset = arrived.offset + 1;
    batch.read_to.last = last_record(arrived);
    return true;
}

bool Mirror::passes_audit(const Arrived& arrived) {
    if (last_record(arrived) != *read_to_.last) {
        return refuse(fmt::format(
            "at offset {} topic.db has read another record than stands there now: the topic was "
            "made anew, or the broker lost its tail",
            read_to_.last->offset
        ));
    }
    auditing_ = false;
    short_since_ms_ = -1;
    return true;
}

std::int64_t Mirror::length_of(const Batch& batch) const {
    return view_.length + static_cast<std::int64_t>(batch.rows.size());
}

bool Mirror::fits(const View& seen, const Batch& batch) {
    if (seen.length == 0) {
        return true;
    }
    if (seen.length <= view_.length) {
        return hash_at(seen.length) == seen.hash;
    }
    const auto place = static_cast<std::size_t>(seen.length - view_.length - 1);
    return place < batch.rows.size() && batch.rows[place].hash == seen.hash;
}

Mark Mirror::mark_in(const Batch& batch, std::string_view source) const {
    const auto moved = batch.marks.find(source);
    return moved == batch.marks.end() ? mark(source) : moved->second;
}

void Mirror::accept(const Record& record, Batch& batch) {
    const Mark mark = mark_in(batch, record.event.source);
    const std::int64_t position = record.event.source_position;
    if (position <= mark.position) {
        stats_.doubled.add();
        return;
    }
    if (position > mark.position + 1) {
        stats_.early.add();
        return;
    }
    if (record.previous != mark.id) {
        stats_.forked.add();
        spdlog::error(
            "the Kafka topic {}: event {} of {} follows another {} than this log has: it is of a "
            "second copy of {}.db, and dropped",
            options_.topic,
            position,
            record.event.source,
            mark.position,
            record.event.source
        );
        return;
    }
    if (accepting_) {
        accepting_(record);
    }
    stats_.accepted.add();
    batch.events.push_back(record.event);
    batch.hash = chained(batch.hash, record.id);
    batch.rows.push_back({length_of(batch) + 1, record.id, batch.hash});
    batch.marks.insert_or_assign(record.event.source, Mark{position, record.id});
}

// ---- writing

void Mirror::commit(Batch& batch) {
    const std::int64_t from = view_.length;
    const std::int64_t began_ms = clock_.now_ms();
    const auto also = [this, &batch](storage::Connection& db) { write(db, batch); };
    try {
        if (batch.events.empty()) {
            topic_.commit_now({
                .durable = false,
                .run =
                    [&also](storage::Connection& db) {
                        also(db);
                        return true;
                    },
                .done = {},
            });
        } else {
            remember(batch);  // those who are told ask for the hashes
            topic_.append(batch.events, {.durable = false, .also = also});
        }
    } catch (const std::exception& error) {
        read_again(error.what());
        return;
    }
    if (!rereads_) {
        trouble_.succeeded();
    }
    read_to_ = std::move(batch.read_to);
    view_ = {length_of(batch), std::move(batch.hash)};
    for (auto& [source, mark] : batch.marks) {
        marks_.insert_or_assign(source, std::move(mark));
    }
    if (!batch.events.empty()) {
        times_.add(
            {.from = from, .to = topic_.end(), .began_ms = began_ms, .committed_ms = clock_.now_ms()
            }
        );
    }
}

/// Behind the events. Throws when the file is not as it is known here.
void Mirror::write(storage::Connection& db, const Batch& batch) const {
    const auto stored = MirrorTable::read_to(db);
    const std::int64_t next = stored ? stored->next_offset : 0;
    const auto is_moved = [](const Envelope& event, const MirrorTable::Row& row) {
        return event.position == row.position;
    };
    if (next != read_to_.next_offset || !std::ranges::equal(batch.events, batch.rows, is_moved)) {
        throw std::runtime_error("topic.db has a commit that was reported as failed");
    }
    for (const MirrorTable::Row& row : batch.rows) {
        MirrorTable::add(db, row);
    }
    for (const auto& [source, mark] : batch.marks) {
        MirrorTable::write_mark(db, source, mark.id);
    }
    MirrorTable::write(db, batch.read_to);
}

void Mirror::remember(const Batch& batch) {
    const std::scoped_lock lock(mutex_);
    if (hashes_end_ != batch.rows.front().position - 1) {
        hashes_.clear();
    }
    for (const MirrorTable::Row& row : batch.rows) {
        hashes_.push_back(row.hash);
    }
    hashes_end_ = batch.rows.back().position;
    if (hashes_.size() > max_hashes) {
        hashes_.erase(hashes_.begin(), hashes_.end() - max_hashes);
    }
}

void Mirror::sync() {
    if (is_synced()) {
        return;
    }
    topic_.commit_now({
        .durable = true,
        .run =
            [this](storage::Connection& db) {
                MirrorTable::write(db, read_to_);  // something, so that the commit is synced
                return true;
            },
        .done = {},
    });
    synced_marks_ = marks_;
    pipe_.note_read(read_to_.next_offset);
}

// ---- what it has

std::optional<std::string> Mirror::hash_at(std::int64_t position) {
    if (position == 0) {
        return std::string();
    }
    {
        const std::scoped_lock lock(mutex_);
        const std::int64_t begin = hashes_end_ - static_cast<std::int64_t>(hashes_.size());
        if (begin < position && position <= hashes_end_) {
            return hashes_[static_cast<std::size_t>(position - begin - 1)];
        }
    }
    const storage::Reader reader = topic_.reader();
    const auto row = MirrorTable::at(*reader, position);
    return row ? std::optional(row->hash) : std::nullopt;
}

Mark Mirror::mark(std::string_view source) const {
    const auto found = marks_.find(source);
    return found == marks_.end() ? Mark{} : found->second;
}

std::int64_t Mirror::synced(std::string_view source) const {
    const auto found = synced_marks_.find(source);
    return found == synced_marks_.end() ? 0 : found->second.position;
}

std::vector<Mark> Mirror::ids_from(std::string_view source, std::int64_t first) {
    const storage::Reader reader = topic_.reader();
    return MirrorTable::ids_from(*reader, source, first);
}

// ---- refusing

std::string Mirror::refusal() const {
    const std::scoped_lock lock(mutex_);
    return refusal_;
}

bool Mirror::refuse(std::string why) {
    {
        const std::scoped_lock lock(mutex_);
        refusal_ = fmt::format(
            "topic.db and the Kafka topic {} contradict each other: {}; nothing is written until "
            "that is settled: restore what was lost at the broker and start again, or stop all "
            "processes and carry the longest log to a new topic (bookstore topic republish)",
            options_.topic,
            why
        );
        spdlog::critical("{}", refusal_);
    }
    refused_.store(true, std::memory_order_release);
    return false;
}

}  // namespace bookstore::bus
