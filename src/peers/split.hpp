#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/system.hpp"
#include "kernel/board.hpp"
#include "kernel/operation.hpp"
#include "observe/trace_requests.hpp"
#include "peers/peers.hpp"

namespace bookstore::peers {

/// A system whose contexts run in several processes, as this one sees it: what operators ask here
/// is answered for all of them, and what they do here is done by the process that hosts the
/// context.
struct Split {
    /// System and requests outlive it.
    Split(
        host::System& of,
        const observe::TraceRequests& seen,
        PeersOptions options,
        const Clock& clock,
        std::string process
    )
        : system(of), requests(seen), peers(std::move(options), clock, std::move(process)) {}

    host::System& system;
    const observe::TraceRequests& requests;
    Peers peers;
    // What GETs of these answer, as described: set by join().
    kernel::Schema modules{};
    kernel::Schema health{};
    kernel::Schema parked{};
};

/// Has the endpoints speak for the whole split, and adds those of contexts that are hosted
/// elsewhere: GET /modules, /parked, /actuator/health and /trace/orders/{id} are made of all
/// processes' answers; what is about one context goes to the process that hosts it. The endpoints
/// must not outlive the split.
void join(Split& split, std::vector<kernel::Endpoint>& endpoints);

// ---- what the parts of it share

/// What an operator's endpoint does in a split; `alone` is what it does in this process.
using Spanning = void (*)(
    Split& split, const http::Handler& alone, const http::Request& request, const http::Done& done
);

/// A context that nobody who answered hosts, and the peer that hosts it: it did when it was heard
/// last, or it is the only one that was never heard. Nothing: it is one of several.
struct Absent {
    std::string context;
    std::optional<std::size_t> peer;
};

/// Of the contexts of the table that were not `seen`; `silent` are the peers that did not answer.
std::vector<Absent> absent_contexts(
    const Split& split, const std::set<std::string>& seen, std::span<const std::size_t> silent
);
/// Why it is not known how that context is: "cannot connect: Connection refused".
std::string reason_of(const Split& split, const Absent& absent);

/// Whether some context of the table is called so.
bool is_context(const Split& split, std::string_view name);

void modules_of_all(Split&, const http::Handler&, const http::Request&, const http::Done&);
void module_of_one(Split&, const http::Handler&, const http::Request&, const http::Done&);
void health_of_all(Split&, const http::Handler&, const http::Request&, const http::Done&);
void parked_of_all(Split&, const http::Handler&, const http::Request&, const http::Done&);
void trace_of_all(Split&, const http::Handler&, const http::Request&, const http::Done&);
/// What GET /trace/orders/{id} answers to a peer.
http::Answer trace_part(Split&, const http::Request&);

/// The schemas of what they answer, made of those of one process.
kernel::Schema module_list_of_split(const kernel::Schema& alone);
kernel::Schema module_of_split(const kernel::Schema& alone);
kernel::Schema health_of_split(const kernel::Schema& alone);
kernel::Schema parked_of_split(const kernel::Schema& alone);

}  // namespace bookstore::peers
