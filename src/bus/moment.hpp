#pragma once

#include <cstdint>
#include <string_view>

#include "storage/connection.hpp"

// Of which moment a file is, where contexts tell each other things beside the events (VAN's answers
// to payment): a number that grows with each commit that others are told of. Who is told keeps it
// with what it was told, so that an older file beside a newer one is seen; see host/moments.hpp.
// Each takes the connection of one file; throws storage::Error.

namespace bookstore::bus {

/// Goes on to the file's next moment, in a durable transaction whose outcome others are told of.
/// `context` is the one whose file it is.
std::int64_t next_moment(storage::Connection& db, std::string_view context);

/// The newest moment of that context's file that this file knows; 0 when it knows none. Of its own
/// file: where it is.
std::int64_t newest_moment(storage::Connection& db, std::string_view context);

/// This file was told something of that moment of another context's file.
void note_moment(storage::Connection& db, std::string_view context, std::int64_t moment);

}  // namespace bookstore::bus
