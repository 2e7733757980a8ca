#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/pipe.hpp"

// A record of the topic. Key and value are the event's own, so that whoever reads the topic with
// Kafka's console consumer has the contract's JSON lines; what else is to be known stands in
// headers, all of them text: CloudEvents' names for what CloudEvents names, and ours.
//
//   ce_specversion   1.0
//   ce_id            a UUID, of this row alone
//   ce_source        /order
//   ce_type          Ordered
//   ce_time          2020-09-10T04:50:35.123Z
//   content-type     application/json
//   traceparent      W3C Trace Context; left out when there is no trace
//   bookstore_trace  the stored trace, where traceparent alone does not give it back
//   sequence         the position in the source's outbox
//   previous         ce_id of the row before; left out of the first
//   seen             LENGTH:HASH, what the sender's mirror had
//
// The functions are pure, and what record_of() reads is exactly what headers_of() was given, for
// times of the years 0 to 9999.

namespace bookstore::kafka {

struct Header {
    std::string name;
    std::string value;
};

/// One that was received; the bytes are somebody else's.
struct HeaderView {
    std::string_view name;
    std::string_view value;
};

std::vector<Header> headers_of(const bus::Record& record);

/// The record, or why it is none of ours: "the header ce_id is missing". `value` is nothing where
/// the record has none, not even an empty one.
std::expected<bus::Record, std::string> record_of(
    std::string_view key, std::optional<std::string_view> value, std::span<const HeaderView> headers
);

/// "2020-09-10T04:50:35.123Z", of a time on the wall clock.
std::string cloud_event_time(std::int64_t wall_ms);
/// The time that such a text says; nothing for any other text.
std::optional<std::int64_t> parse_cloud_event_time(std::string_view text);

}  // namespace bookstore::kafka
