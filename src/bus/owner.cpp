#include "bus/owner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bus/row_id.hpp"
#include "storage/error.hpp"

namespace bookstore::bus {
namespace {

constexpr std::size_t rows_at_once = 1024;

}  // namespace

Owner::Owner(Outbox& outbox, Gate& gate, Mirror& mirror, std::vector<StoredCursor> cursors)
    : outbox_(outbox), gate_(gate), mirror_(mirror), cursors_(std::move(cursors)) {
    const auto first = outbox_.read(0, 1);
    removed_ = first.empty() ? outbox_.newest() : first.front().source_position - 1;
    compare_rows();
    look_again();
}

std::string Owner::contradiction(const std::string& what) const {
    return fmt::format(
        "{0}.db and the Kafka topic {1} contradict each other: {2}; {0}.db is older than what was "
        "sent from it, or a second copy: nothing is written until the right {0}.db is put in its "
        "place, or bookstore topic adopt takes this one back (docs/operations.md, Adopt)",
        source(),
        mirror_.topic_name(),
        what
    );
}

/// All that the outbox still has of what the mirror has.
void Owner::compare_rows() {
    const Mark mark = mirror_.mark(source());
    const std::int64_t newest = outbox_.newest();
    if (mark.position > newest) {
        contradiction_ = contradiction(fmt::format(
            "the topic has event {} of it, and the last that it published is {}",
            mark.position,
            newest
        ));
        return;
    }
    if (mark.position <= removed_) {
        return;
    }
    // The newest row alone stays, as long as nothing is published: the log is not gone through.
    const auto ids = mark.position == removed_ + 1 ? std::vector{mark}
                                                   : mirror_.ids_from(source(), removed_ + 1);
    for (std::int64_t from = removed_; from < mark.position;) {
        const auto rows = outbox_.read(from, rows_at_once);
        for (const Envelope& row : rows) {
            const auto its = std::ranges::find(ids, row.source_position, &Mark::position);
            if (row.source_position <= mark.position &&
                (its == ids.end() || its->id != row_id(row))) {
                contradiction_ = contradiction(fmt::format(
                    "event {} of it is another in the topic than in its outbox", row.source_position
                ));
                return;
            }
        }
        if (rows.empty()) {
            return;
        }
        from = rows.back().source_position;
    }
}

void Owner::look_at(const Record& record) {
    const std::int64_t position = record.event.source_position;
    if (position <= removed_) {
        return;
    }
    try {
        if (!is_its_row(position, record.id)) {
            deny(position);
            look_again();
        }
    } catch (const storage::Error&) {
        unseen_.push_back({position, record.id});
    }
}

/// What its outbox has there, or had: a row that was removed was compared before.
bool Owner::is_its_row(std::int64_t position, const std::string& id) {
    if (const auto known = known_.find(position); known != known_.end()) {
        const bool same = known->second == id;
        known_.erase(known_.begin(), std::next(known));
        return same;
    }
    const auto rows = outbox_.read(position - 1, 1);
    const bool there = !rows.empty() && rows.front().source_position == position;
    return there ? row_id(rows.front()) == id : position <= outbox_.newest();
}

void Owner::deny(std::int64_t position) {
    if (contradiction_.empty()) {
        contradiction_ = contradiction(
            fmt::format("the topic has an event {} of it that it did not publish", position)
        );
    }
}

/// false: the file cannot be read yet.
bool Owner::compare_unseen() {
    try {
        while (!unseen_.empty()) {
            if (!is_its_row(unseen_.back().position, unseen_.back().id)) {
                deny(unseen_.back().position);
            }
            unseen_.pop_back();
        }
        return true;
    } catch (const storage::Error&) {
        return false;
    }
}

void Owner::compare_cursors() {
    const std::int64_t end = mirror_.view().length;
    std::erase_if(cursors_, [&](const StoredCursor& cursor) {
        if (cursor.position > end) {
            return false;
        }
        if (cursor.hash && mirror_.hash_at(cursor.position) != cursor.hash &&
            contradiction_.empty()) {
            contradiction_ = contradiction(fmt::format(
                "subscription {} has handled {} events, and they are not those of the topic",
                cursor.subscription,
                cursor.position
            ));
        }
        return true;
    });
}

/// What is so now: empty when nothing is wrong.
std::string Owner::trouble() {
    if (mirror_.refuses()) {
        return mirror_.refusal();
    }
    compare_cursors();
    if (!contradiction_.empty() || !mirror_.ready()) {
        return contradiction_;
    }
    if (!cursors_.empty()) {
        return contradiction(fmt::format(
            "subscription {} has handled the events up to {}, and the topic ends at {}",
            cursors_.front().subscription,
            cursors_.front().position,
            mirror_.view().length
        ));
    }
    const std::int64_t mark = mirror_.mark(source()).position;
    return mark >= removed_ ? std::string()
                            : contradiction(fmt::format(
                                  "it removed its events up to {}, since the topic had them, and "
                                  "the topic has them up to {}",
                                  removed_,
                                  mark
                              ));
}

void Owner::look_again() {
    const bool compared = compare_unseen();
    std::string why = trouble();
    if (!why.empty()) {
        gate_.refuse(std::move(why));
    } else if (!compared) {
        gate_.wait(fmt::format("{}.db cannot be read", source()));
    } else if (!mirror_.ready() || !cursors_.empty()) {
        gate_.wait(fmt::format("the Kafka topic {} is being read", mirror_.topic_name()));
    } else {
        gate_.open();
    }
}

}  // namespace bookstore::bus
