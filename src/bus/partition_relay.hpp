#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "bus/mirror.hpp"
#include "bus/owner.hpp"
#include "bus/pipe.hpp"
#include "bus/pressure.hpp"
#include "bus/relay.hpp"

namespace bookstore::bus {

/// The relay of a process whose topic is a mirror: it sends the rows of the outboxes to the
/// partition, and reads the partition into the mirror. What is sent is what the mirror does not
/// have, whatever was sent before; in doubt it is sent again. Rows go when the synced mirror has
/// them, but for the newest of each outbox, which the next one follows.
class PartitionRelay final : public Relay {
  public:
    /// What it needs of a context that the process hosts.
    struct Hosted {
        Outbox& outbox;
        Gate& gate;
        std::vector<StoredCursor> cursors;
    };
    /// All outlive it. Throws storage::Error.
    PartitionRelay(
        Mirror& mirror,
        Pipe& pipe,
        std::vector<Hosted> hosted,
        const Clock& clock,
        Pressure& pressure
    );

    bool step() override;
    std::optional<std::int64_t> due_in_ms() const override;
    const BatchTimes& times() const override { return mirror_.times(); }
    bool healthy() const override { return mirror_.healthy() && !mirror_.refuses(); }
    std::string fault() const override;
    bool healthy(std::string_view source) const override;
    std::optional<std::int64_t> waiting_since_ms() const override;
    BacklogState backlog_state(std::string_view source) const override;

    /// How often it began to send again. Any thread.
    std::uint64_t doubts() const { return doubts_.value(); }

  private:
    struct Source {
        Source(const Hosted& hosted, Mirror& mirror);

        Owner owner;
        std::int64_t sent = 0;     ///< rows up to there are in the mirror, or on their way
        std::string sent_id{};     ///< of the row there
        std::int64_t synced = -1;  ///< up to there its rows may go
        storage::StorageTrouble trouble;
    };

    const Source* find(std::string_view source) const;
    bool gives_way();
    bool send();
    bool send(Source& source);
    void read_and_send(Source& source, std::int64_t mark);
    std::string id_before(Source& source, const Mark& mark);
    void look_again();
    bool waits_for_files() const;
    bool is_overdue() const;
    void doubt(std::string_view why);
    bool sync();
    void settle();

    Mirror& mirror_;
    Pipe& pipe_;
    const Clock& clock_;
    Pressure& pressure_;
    std::deque<Source> sources_;
    bool in_doubt_ = false;             ///< nothing is sent until the mirror is at the end
    std::int64_t moved_steady_ms_ = 0;  ///< when the mirror last took a row of ours, or none waited
    std::int64_t unsynced_steady_ms_ = -1;  ///< since when it has what is not synced; -1: nothing
    bool gave_way_ = false;
    std::atomic<std::int64_t> waiting_since_ms_{0};  ///< wall clock; 0: nothing waits
    std::atomic<bool> stalled_{false};
    Counter doubts_;
};

}  // namespace bookstore::bus
