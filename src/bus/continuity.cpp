#include "bus/continuity.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "storage/error.hpp"

namespace bookstore::bus {

void require_same_moment(Outbox& outbox, std::int64_t relayed) {
    const std::int64_t newest = outbox.newest();
    if (newest < relayed) {
        throw storage::Refused(fmt::format(
            "the data directory was put together from different moments: topic.db has event {} "
            "of {}, but {}.db never published it (its last is {}); restore both from one "
            "backup",
            relayed,
            outbox.source(),
            outbox.source(),
            newest
        ));
    }
    if (newest == relayed) {
        return;
    }
    const auto rows = outbox.read(relayed, 1);
    const std::int64_t first = rows.empty() ? newest + 1 : rows.front().source_position;
    if (first != relayed + 1) {
        throw storage::Refused(fmt::format(
            "the data directory was put together from different moments: {0}.db gave its events "
            "up to {1} to the log, but topic.db has them up to {2}, so that {3} are in neither; "
            "restore both from one backup",
            outbox.source(),
            first - 1,
            relayed,
            first - 1 - relayed
        ));
    }
}

void require_no_gap(std::int64_t relayed, const std::vector<Envelope>& rows) {
    std::int64_t last = relayed;
    for (const Envelope& row : rows) {
        if (row.source_position != last + 1) {
            throw std::runtime_error(fmt::format(
                "the outbox of {} goes on with {} behind {}: events are missing, and nothing of it "
                "is relayed any more; stop, and ask bookstore check",
                row.source,
                row.source_position,
                last
            ));
        }
        last = row.source_position;
    }
}

}  // namespace bookstore::bus
