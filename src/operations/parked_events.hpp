#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "bus/held_table.hpp"
#include "bus/subscription.hpp"
#include "host/system.hpp"
#include "http/message.hpp"
#include "kernel/hal.hpp"
#include "kernel/hosted_module.hpp"

// Held events as operators see them: which one is meant, one of them, a page of them.

namespace bookstore::operations {

/// What holds events: a subscription, with its context.
struct Holder {
    kernel::HostedModule* module;
    bus::Subscription* subscription;

    const bus::HeldTable& held() const { return subscription->held(); }
};

/// All that the system has, or those of one context.
std::vector<Holder> holders_in(host::System& system, const kernel::HostedModule* only = nullptr);

/// A held event's id, "order-12": what the subscription "order" holds at position 12.
struct HeldId {
    Holder holder;
    std::int64_t position;
    std::string text;

    /// 404: it is not held.
    http::Problem unknown() const;
};

/// The id that the path's first capture is; 404 or 400 when it is none.
std::expected<HeldId, http::Problem> held_id_in_path(
    host::System& system, const http::Request& request
);

/// One held event.
http::Response shown(
    const http::Request& request,
    const Holder& holder,
    const bus::HeldEvent& event,
    int status = 200
);
/// The links of a page of them, one of `pages`; `filters` are the query's others, "&state=PARKED".
kernel::LinkMap parked_page_links(
    const kernel::Page& page,
    const std::string& filters,
    std::int64_t pages,
    const std::string& base_url
);
/// GET /parked/{id}: one that is held, or that was skipped. Throws storage::Error.
http::Answer show_parked(host::System& system, const http::Request& request);
/// GET /parked{?module,state,page,size}: what is held, by context, in the order of the log. Throws
/// storage::Error.
http::Answer list_parked(host::System& system, const http::Request& request);

}  // namespace bookstore::operations
