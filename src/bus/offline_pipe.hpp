#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bus/mirror_table.hpp"
#include "bus/pipe.hpp"

namespace bookstore::bus {

/// The partition of a mirror that nobody asks a broker for: it ends where the mirror does, and what
/// is sent to it stays where it is. For tools on a directory at rest.
class OfflinePipe final : public Pipe {
  public:
    explicit OfflinePipe(ReadTo read_to) : read_to_(std::move(read_to)) {}

    void read_from(std::int64_t offset) override { next_ = offset; }
    std::vector<PipeEvent> read(std::size_t) override {
        std::vector<PipeEvent> events;
        const auto next = std::exchange(next_, std::nullopt);
        if (next && read_to_.last && *next == read_to_.last->offset) {
            const LastRecord& last = *read_to_.last;
            Arrived arrived{.offset = last.offset, .appended_ms = last.appended_ms};
            if (!last.id.empty()) {
                arrived.record = Record{.event = {}, .id = last.id};
            }
            events.emplace_back(std::move(arrived));
        }
        if (next) {
            events.emplace_back(End{read_to_.next_offset});
        }
        return events;
    }
    void note_read(std::int64_t) override {}
    void send(Record) override {}
    std::optional<std::string> sending_failed() override { return std::nullopt; }
    void restart_sending() override {}
    PipeStats stats() const override { return {.connected = true}; }

  private:
    const ReadTo read_to_;
    std::optional<std::int64_t> next_;
};

}  // namespace bookstore::bus
