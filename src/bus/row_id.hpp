#pragma once

#include <string>
#include <string_view>

#include "bus/event.hpp"

namespace bookstore::bus {

/// The identity of a row of an outbox: a UUID over all that it says, its place there too (version
/// 5, RFC 9562). What an outbox says at a place after it was restored, or in a copy, has another.
std::string row_id(const Envelope& event);

/// The running hash over ids, one further. Of no ids it is empty.
std::string chained(std::string_view hash, std::string_view id);

}  // namespace bookstore::bus
