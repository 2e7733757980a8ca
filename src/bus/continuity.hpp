#pragma once

#include <cstdint>
#include <vector>

#include "bus/event.hpp"
#include "bus/outbox.hpp"

// What the topic takes from an outbox follows what it took before, without a gap: positions in an
// outbox have none (SQLite takes back those of a transaction that is rolled back), and a row goes
// only when the topic has it. Where one is missing, the two files are of different moments, and
// the event is in neither.

namespace bookstore::bus {

/// Throws storage::Refused when that outbox cannot be one of which the topic has the rows up to
/// `relayed`.
void require_same_moment(Outbox& outbox, std::int64_t relayed);

/// Throws std::runtime_error when these rows of one outbox, which came after `relayed`, do not
/// follow it.
void require_no_gap(std::int64_t relayed, const std::vector<Envelope>& rows);

}  // namespace bookstore::bus
