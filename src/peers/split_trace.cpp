#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>
#include <map>
#include <tuple>
#include <utility>

#include "base/json.hpp"
#include "kernel/command.hpp"
#include "kernel/hal.hpp"
#include "kernel/schema.hpp"
#include "observe/trace_resource.hpp"
#include "observe/trace_timeline.hpp"
#include "peers/overview.hpp"

// GET /trace/orders/{id} of a split. A process tells a peer its part: what its own contexts did,
// and the events that it has. The parts become one timeline, in the order of their times.

namespace bookstore::peers {
namespace {

using http::Done;
using http::Request;
using observe::Timeline;
using observe::TimelineEntry;

constexpr kernel::Resource orders{"orders", "order", "orderId", true};

struct PartEntry {
    static constexpr std::string_view schema_name = "TracePartEntry";
    using exact_names = void;
    std::int64_t at_ms = 0;
    std::optional<std::int64_t> until_ms;
    TimelineEntry::Kind kind{};
    std::string name;
    std::string context;
    std::string trace;
    std::optional<std::int64_t> position;
    std::string detail;
    std::int64_t rank = 0;
};
BOOST_DESCRIBE_STRUCT(
    PartEntry, (), (at_ms, until_ms, kind, name, context, trace, position, detail, rank)
)

struct Part {
    static constexpr std::string_view schema_name = "TracePart";
    using exact_names = void;
    std::int64_t orderId = 0;
    std::optional<std::string> orderStatus;  ///< null: order is not hosted there, or has no such
    std::vector<std::string> hosts;
    std::vector<PartEntry> entries;
    std::vector<observe::WaitResource> waiting;
    std::vector<std::string> missing;
};
BOOST_DESCRIBE_STRUCT(Part, (), (orderId, orderStatus, hosts, entries, waiting, missing))

Timeline own_part(Split& split, std::int64_t order_id) {
    return observe::timeline_part(split.system, split.requests, order_id);
}

// ---- a part on the wire

void read(const boost::json::value& value, std::int64_t& number) {
    number = value.to_number<std::int64_t>();
}
void read(const boost::json::value& value, std::string& text) {
    text = std::string(value.as_string());
}
void read(const boost::json::value& value, TimelineEntry::Kind& kind) {
    const auto& words = observe::words_of(kind);
    const auto place = std::ranges::find(words, std::string_view(value.as_string()));
    kind = static_cast<TimelineEntry::Kind>(place - words.begin());
}
template <class T>
void read(const boost::json::value& value, std::optional<T>& optional) {
    if (!value.is_null()) {
        read(value, optional.emplace());
    }
}
template <class T>
void read(const boost::json::value& value, std::vector<T>& list);
/// A described struct; the value has its shape.
template <json::Described T>
void read(const boost::json::value& value, T& object) {
    json::for_each_field(object, [&value](std::string_view name, auto& member) {
        read(value.at(name), member);
    });
}
template <class T>
void read(const boost::json::value& value, std::vector<T>& list) {
    for (const auto& each : value.as_array()) {
        read(each, list.emplace_back());
    }
}

Part part_of(const Split& split, const Timeline& timeline) {
    Part part;
    part.orderId = timeline.order_id;
    if (!timeline.order_status.empty()) {
        part.orderStatus = timeline.order_status;
    }
    for (const auto& module : split.system.modules()) {
        part.hosts.push_back(module->name());
    }
    for (const TimelineEntry& entry : timeline.entries) {
        part.entries.push_back(
            {entry.at_ms,
             entry.until_ms,
             entry.kind,
             entry.name,
             entry.context,
             entry.trace,
             entry.position,
             entry.detail,
             entry.rank}
        );
    }
    for (const observe::TimelineWait& wait : timeline.waits) {
        part.waiting.push_back(
            {wait.name, wait.context, wait.detail, wait.attempts, wait.next_try_ms}
        );
    }
    part.missing = timeline.missing;
    return part;
}

TimelineEntry entry_of(const PartEntry& entry) {
    return {
        .at_ms = entry.at_ms,
        .until_ms = entry.until_ms,
        .kind = entry.kind,
        .name = entry.name,
        .context = entry.context,
        .trace = entry.trace,
        .position = entry.position,
        .detail = entry.detail,
        .rank = entry.rank
    };
}

const kernel::Schema& part_schema() {
    static const kernel::Schema schema = kernel::schema_of<Part>();
    return schema;
}

// ---- one timeline

/// Parts become one. Each process that has an event tells it: it stands there once, as the process
/// tells it whose context published it.
class Merger {
  public:
    explicit Merger(std::int64_t order_id) { whole_.order_id = order_id; }

    /// `url` is empty for this process' own.
    void add(const Part& part, std::string_view url) {
        if (part.orderStatus) {
            whole_.order_status = *part.orderStatus;
        }
        std::map<Identity, std::size_t> seen;
        for (const PartEntry& entry : part.entries) {
            if (entry.kind != TimelineEntry::Kind::event) {
                whole_.entries.push_back(entry_of(entry));
                continue;
            }
            const Identity identity = identity_of(entry);
            add_event(part, entry, identity, seen[identity]++);
        }
        for (const observe::WaitResource& wait : part.waiting) {
            whole_.waits.push_back(
                {wait.name, wait.context, wait.detail, wait.attempts, wait.next_try_ms}
            );
        }
        for (const std::string& what : part.missing) {
            whole_.missing.push_back(url.empty() ? what : fmt::format("{} (at {})", what, url));
        }
    }

    void add_silent(const PeerState& state, const std::string& why) {
        const std::string contexts = state.contexts.empty()
                                         ? "its contexts"
                                         : fmt::format("{}", fmt::join(state.contexts, ", "));
        whole_.missing.push_back(fmt::format("what {} did at {}: {}", contexts, state.url, why));
    }

    Timeline finish() {
        std::int64_t untimed = 0;
        for (const TimelineEntry& entry : whole_.entries) {
            untimed += entry.kind == TimelineEntry::Kind::event && !entry.until_ms ? 1 : 0;
        }
        if (untimed > 0) {
            whole_.missing.push_back(
                fmt::format("the time of relaying of {} event{}", untimed, untimed == 1 ? "" : "s")
            );
        }
        std::ranges::stable_sort(whole_.entries, {}, [](const TimelineEntry& entry) {
            return std::pair(entry.at_ms, entry.rank);
        });
        return std::move(whole_);
    }

  private:
    /// Positions may differ between processes; two events that agree in all of this are told apart
    /// by how many of them a process has.
    using Identity = std::tuple<std::string, std::string, std::int64_t, std::string, std::string>;
    static Identity identity_of(const PartEntry& entry) {
        return {entry.name, entry.context, entry.at_ms, entry.trace, entry.detail};
    }

    void add_event(
        const Part& part, const PartEntry& entry, const Identity& identity, std::size_t nth
    ) {
        auto& places = events_[identity];
        if (nth >= places.size()) {
            places.push_back(whole_.entries.size());
            whole_.entries.push_back(entry_of(entry));
            return;
        }
        TimelineEntry& known = whole_.entries[places[nth]];
        if (std::ranges::find(part.hosts, entry.context) != part.hosts.end()) {
            known = entry_of(entry);
        } else if (!known.until_ms) {
            known.until_ms = entry.until_ms;
        }
    }

    Timeline whole_;
    std::map<Identity, std::vector<std::size_t>> events_;  ///< where they stand
};

http::Answer shown(Timeline timeline, bool all_heard, const Request& request) {
    if (timeline.order_status.empty()) {
        if (all_heard) {
            return kernel::not_found(orders, timeline.order_id);
        }
        if (timeline.entries.empty()) {
            return kernel::unavailable(fmt::format(
                "whether there is an order {} is not known: {}",
                timeline.order_id,
                fmt::join(timeline.missing, "; ")
            ));
        }
        timeline.order_status = "UNKNOWN";
    }
    auto response =
        kernel::hal_response(request, observe::timeline_json(timeline, request.base_url()));
    response.headers.push_back({"Cache-Control", "no-store"});
    return response;
}

}  // namespace

http::Answer trace_part(Split& split, const Request& request) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    return kernel::hal_response(request, json::text_of(part_of(split, own_part(split, *id))));
}

void trace_of_all(
    Split& split, const http::Handler& /*alone*/, const Request& request, const Done& done
) {
    const auto id = kernel::path_id(request);
    if (!id) {
        done(id.error());
        return;
    }
    Merger merger(*id);
    try {
        merger.add(part_of(split, own_part(split, *id)), {});
    } catch (...) {
        done(kernel::problem_of(std::current_exception(), request.target));
        return;
    }
    split.peers.ask_all<Heard>(
        fmt::format("/trace/orders/{}", *id),
        reads_shaped(part_schema()),
        {},
        [&split, merger = std::move(merger), &request, done](const std::vector<Told<Heard>>& told
        ) mutable {
            for (const Told<Heard>& one : told) {
                const PeerState state = split.peers.state(one.peer);
                if (one.said) {
                    Part part;
                    read(**one.said, part);
                    merger.add(part, state.url);
                } else {
                    merger.add_silent(state, one.said.error());
                }
            }
            done(shown(merger.finish(), silent_of(told).empty(), request));
        }
    );
}

}  // namespace bookstore::peers
