#pragma once

#include "bus/topic.hpp"
#include "kernel/operation.hpp"

namespace bookstore::operations {

/// GET /events: the topic as Server-Sent Events (the WHATWG HTML standard, 9.2), in place of a
/// console consumer. `id:` is the position, `event:` the type, `data:` the JSON line.
///
/// ?from=beginning|end|POSITION (inclusive), Last-Event-ID (exclusive; it wins), ?type=A,B, ?key=,
/// ?follow=false ends at the end of the log. By default from the end; with follow=false from the
/// beginning. `known`: every type of event that there is; another one is 400.
///
/// Who resumes behind the log's end has read another log: 409, since everything up to there would
/// be skipped; who asks for what was removed from its beginning: 410. Log-Begin and Log-End say
/// where it begins and ends, on every answer.
kernel::Endpoint events_endpoint(bus::Topic& topic, bus::Types known);

}  // namespace bookstore::operations
