#pragma once

#include "bus/topic.hpp"
#include "kernel/operation.hpp"

namespace bookstore::operations {

/// GET /events: the topic as Server-Sent Events (the WHATWG HTML standard, 9.2), in place of a
/// console consumer. `id:` is the position, `event:` the type, `data:` the JSON line.
///
/// ?from=beginning|end|POSITION (inclusive), Last-Event-ID (exclusive; it wins), ?type=, ?key=,
/// ?follow=false ends at the end of the log. By default from the end; with follow=false from the
/// beginning.
kernel::Endpoint events_endpoint(bus::Topic& topic);

}  // namespace bookstore::operations
