#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bus/pipe.hpp"
#include "kafka/settings.hpp"

namespace bookstore::kafka {

using Stats = bus::PipeStats;

/// Partition 0 of a topic of a Kafka, by librdkafka: see bus::Pipe.
///
/// Threads: one, as bus::Pipe says, but for stats(). `ring` is called from the client's threads.
/// Errors: what befalls the broker comes out as events, or as sending_failed(). Settings that the
/// client does not take, and a client that cannot begin, are thrown by the constructor, and by
/// restart_sending().
/// Times: no call waits for a broker. The destructor, and restart_sending(), wait for the client's
/// threads to end: milliseconds, also when the broker is frozen, and never more than 2 s for each
/// of the two clients.
///
/// - Sent in order, without a gap and once, until sending fails (idempotence; acks=all; no time
///   limit: a broker that is away for an hour is waited for). What the client's queue has no place
///   for is kept, and goes in its turn.
/// - An End is told at the partition's end, once for each offset and read_from(); and where all is
///   read that stood there at some moment since read_from(), for in a partition that is written
///   without a pause there is nobody at its end.
/// - Behind an OutOfRange nothing is told until read_from().
/// - A Doubt is told once for each time a connection is lost, also when it was back before anybody
///   looked (then up to a second later), and when another broker leads the partition.
class Pipe final : public bus::Pipe {
  public:
    /// `ring` says that read() or sending_failed() may have something to tell: it is called when
    /// there was nothing, and not again before read() returned less than it was allowed to. It
    /// must not throw, nor call the pipe, nor wait. A process commits, for information, under the
    /// group "bookstore-PROCESS".
    Pipe(
        const Settings& settings,
        const std::string& process,
        std::function<void()> ring,
        const Clock& clock
    );
    ~Pipe() override;

    void read_from(std::int64_t offset) override;
    std::vector<bus::PipeEvent> read(std::size_t most) override;
    /// At most once a second, and in the background; that it fails is nobody's concern.
    void note_read(std::int64_t offset) override;

    void send(bus::Record record) override;
    std::optional<std::string> sending_failed() override;
    void restart_sending() override;

    Stats stats() const override;

  private:
    class Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace bookstore::kafka
