#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bus/event.hpp"

namespace bookstore::bus {

/// What a mirror has of the log: how many events, and the running hash over their ids. Of nothing:
/// 0 and an empty hash.
struct View {
    std::int64_t length = 0;
    std::string hash{};

    bool operator==(const View&) const = default;
};

/// An event as it crosses a partition. Two rows of an outbox at the same position that say
/// something else have other ids.
struct Record {
    Envelope event;          ///< without a position of the topic
    std::string id{};        ///< a UUID
    std::string previous{};  ///< id of the row before it in its outbox; empty: it is the first
    View seen{};             ///< of the sender's mirror when it sent
};

/// What stands at an offset of the partition.
struct Arrived {
    std::int64_t offset = 0;
    std::int64_t appended_ms = 0;    ///< when the broker took it, by its clock
    std::optional<Record> record{};  ///< nothing: somebody else's
    std::string flaw{};              ///< why it is nobody's of ours
};

/// There was nothing at this offset a moment ago, and it is the next to be read.
struct End {
    std::int64_t offset = 0;
};

/// The broker or the connection failed: what was read may not stand there any more.
struct Doubt {
    std::string why{};
};

/// The partition has no such offset: it ends before it, or begins behind it.
struct OutOfRange {
    std::string why{};
};

/// The topic is not as it has to be, and must not be used.
struct Unfit {
    std::string why{};
};

using PipeEvent = std::variant<Arrived, End, Doubt, OutOfRange, Unfit>;

/// What a pipe has done, and how its broker is, since it was made.
struct PipeStats {
    std::int64_t sent = 0;          ///< records that were to be sent
    std::int64_t acknowledged = 0;  ///< records that the broker has taken
    std::int64_t failed = 0;        ///< records of which it is known that they were not
    std::int64_t read = 0;          ///< records that came out, others' too
    /// Records between what was read last and the partition's end as the broker told it last;
    /// nothing before it told any.
    std::optional<std::int64_t> behind{};
    std::int64_t reconnects = 0;  ///< connections that were lost
    /// Of the requests to the broker, on the average of the last second with any; 0: there were
    /// none.
    std::int64_t round_trip_us = 0;
    bool connected = false;     ///< to the broker that has the partition; up to a second late
    std::int64_t since_ms = 0;  ///< wall clock: since when that is so
};

/// One partition of a topic, as relay and mirror see it: records go in, and come out in the order
/// of their offsets. Nothing else is promised: what was sent may be lost, doubled, late or in
/// another order, also long after who sent it is gone. One thread, but for stats(); no call waits
/// for a broker.
class Pipe {
  public:
    Pipe() = default;
    virtual ~Pipe() = default;
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    // ---- reading

    /// Goes on at that offset: what read() returns next is of there and behind, nothing of before
    /// this call.
    virtual void read_from(std::int64_t offset) = 0;
    /// What has come since, at most so many; nothing when nothing has.
    virtual std::vector<PipeEvent> read(std::size_t most) = 0;
    /// All before that offset is read and synced: for those who look at the broker alone.
    virtual void note_read(std::int64_t offset) = 0;

    // ---- sending

    virtual void send(Record record) = 0;
    /// Why something that was sent will not arrive, as far as is known; then nothing that is sent
    /// arrives until restart_sending().
    virtual std::optional<std::string> sending_failed() = 0;
    /// Forgets what was sent and has not arrived (it may arrive all the same), and begins anew.
    virtual void restart_sending() = 0;

    /// Any thread.
    virtual PipeStats stats() const = 0;
};

}  // namespace bookstore::bus
