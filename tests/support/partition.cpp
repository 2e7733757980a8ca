#include "support/partition.hpp"

#include <algorithm>
#include <utility>

namespace bookstore::test {

/// A process's end of it.
class Partition::End final : public bus::Pipe {
  public:
    End(Partition& partition, std::function<void()> ring)
        : partition_(partition), ring_(std::move(ring)) {
        partition_.ends_.push_back(this);
    }
    ~End() override { std::erase(partition_.ends_, this); }
    End(const End&) = delete;
    End& operator=(const End&) = delete;

    void read_from(std::int64_t offset) override {
        next_ = offset;
        told_end_at_ = -1;
        told_ = false;
    }
    std::vector<bus::PipeEvent> read(std::size_t most) override {
        std::vector<bus::PipeEvent> events;
        const auto end = static_cast<std::int64_t>(partition_.log_.size());
        if (partition_.is_away_ || told_) {
            return events;
        }
        if (std::exchange(doubts_, false)) {
            events.emplace_back(bus::Doubt{"the broker was away"});
        } else if (next_ > end || next_ < partition_.begin_) {
            told_ = true;
            events.emplace_back(bus::OutOfRange{"no such offset"});
        } else {
            const std::int64_t shown = partition_.shown_.value_or(end);
            for (; next_ < shown && events.size() < most; ++next_) {
                if (!partition_.is_mark(next_)) {
                    events.emplace_back(partition_.log_[static_cast<std::size_t>(next_)]);
                }
            }
            if (next_ >= shown && told_end_at_ != next_) {
                told_end_at_ = next_;
                events.emplace_back(bus::End{next_});
            }
        }
        return events;
    }
    void note_read(std::int64_t offset) override { partition_.noted_ = offset; }
    void send(bus::Record record) override {
        partition_.under_way_.push_back(std::move(record));
        if (partition_.at_once_) {
            partition_.take_all();
        }
    }
    std::optional<std::string> sending_failed() override {
        return std::exchange(failed_, false) ? std::optional<std::string>("refused") : std::nullopt;
    }
    void restart_sending() override { failed_ = false; }
    bus::PipeStats stats() const override { return {.connected = !partition_.is_away_}; }

    void doubt() { doubts_ = true; }
    void fail() { failed_ = true; }
    void ring() {
        if (ring_) {
            ring_();
        }
    }

  private:
    Partition& partition_;
    std::function<void()> ring_;
    std::int64_t next_ = 0;
    std::int64_t told_end_at_ = -1;
    bool told_ = false;  ///< that there is no such offset
    bool doubts_ = false;
    bool failed_ = false;
};

std::unique_ptr<bus::Pipe> Partition::pipe(std::function<void()> ring) {
    return std::make_unique<End>(*this, std::move(ring));
}

void Partition::ring() {
    for (End* const end : ends_) {
        end->ring();
    }
}

void Partition::append(std::optional<bus::Record> record) {
    log_.push_back({
        .offset = static_cast<std::int64_t>(log_.size()),
        .appended_ms = clock_.now_ms(),
        .record = std::move(record),
        .flaw = "somebody else's",
    });
    ring();
}

void Partition::add(std::optional<bus::Record> record) {
    append(std::move(record));
}

void Partition::add_mark() {
    marks_.push_back(static_cast<std::int64_t>(log_.size()));
    append(std::nullopt);
}

bool Partition::is_mark(std::int64_t offset) const {
    return std::ranges::find(marks_, offset) != marks_.end();
}

void Partition::take(std::size_t which, bool again) {
    if (is_away_) {
        return;
    }
    append(under_way_[which]);
    if (!again) {
        lose(which);
    }
}

void Partition::take_all() {
    while (!is_away_ && !under_way_.empty()) {
        take();
    }
}

void Partition::fail_sending() {
    for (End* const end : ends_) {
        end->fail();
    }
}

void Partition::keep(std::size_t records) {
    log_.erase(log_.begin() + static_cast<std::ptrdiff_t>(records), log_.end());
    for (End* const end : ends_) {
        end->doubt();
    }
}

void Partition::hide(std::size_t newest) {
    shown_ = static_cast<std::int64_t>(log_.size() - std::min(newest, log_.size()));
    for (End* const end : ends_) {
        end->doubt();
    }
}

void Partition::show() {
    shown_.reset();
    ring();
}

void Partition::make_anew(bool same_records) {
    const auto before = std::exchange(log_, {});
    for (const bus::Arrived& arrived : before) {
        append(same_records ? arrived.record : std::nullopt);
    }
    for (End* const end : ends_) {
        end->doubt();
    }
}

void Partition::away(bool is_away) {
    if (is_away_ && !is_away) {
        for (End* const end : ends_) {
            end->doubt();
        }
    }
    is_away_ = is_away;
    ring();
}

}  // namespace bookstore::test
