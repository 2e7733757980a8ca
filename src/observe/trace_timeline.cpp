#include "observe/trace_timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <limits>

#include "base/json.hpp"
#include "base/trace.hpp"
#include "bus/held_of_key.hpp"
#include "modules/order/history.hpp"
#include "modules/payment/history.hpp"

namespace bookstore::observe {
namespace {

using bus::Envelope;
using Kind = TimelineEntry::Kind;
using Seen = TraceRequests::Seen;

// Between two positions there is room for what goes with an event.
constexpr std::int64_t ranks = 10;
constexpr std::int64_t request_rank = 0;
constexpr std::int64_t task_rank = 1;
constexpr std::int64_t event_rank = 3;
constexpr std::int64_t handler_rank = 5;
constexpr std::int64_t later_task_rank = 7;

const kernel::HostedModule* hosted(host::System& system, std::string_view name) {
    const auto& modules = system.modules();
    const auto found =
        std::ranges::find_if(modules, [&](const auto& module) { return module->name() == name; });
    return found == modules.end() ? nullptr : found->get();
}

/// A field of an event, as text; empty when it is not there.
std::string field(const Envelope& event, std::string_view name) {
    boost::json::error_code error;
    const auto value = boost::json::parse(event.payload, error);
    const auto* found = !error && value.is_object() ? value.as_object().if_contains(name) : nullptr;
    if (found == nullptr) {
        return {};
    }
    return found->is_string() ? std::string(found->as_string()) : boost::json::serialize(*found);
}

/// What is known of a request without anybody having seen it: what it wrote, and when.
struct WrittenRequest {
    std::int64_t time_ms = 0;
    std::string trace;
    std::string context;
    std::string name;       ///< if nobody saw it
    std::string told_by{};  ///< if nobody saw it
    std::int64_t rank = 0;
    std::function<bool(const Seen&)> is_it;
};

class Collector {
  public:
    Collector(host::System& system, const TraceRequests& requests, std::int64_t order_id)
        : system_(system), requests_(requests), id_(order_id) {
        timeline_.order_id = order_id;
    }

    std::optional<Timeline> collect();

  private:
    void add_untold(const order::History& history);
    void add_event(const Envelope& event);
    void add_request_of(const Envelope& event);
    void add_placing(const Envelope& ordered);
    void add_cause_of(const Envelope& prepared);
    void add_request(const WrittenRequest& request);
    void add_handlers(const Envelope& event);
    void add_handler(
        const kernel::HostedModule& module, const bus::Subscription& handler, const Envelope& event
    );
    void add_retries(
        const kernel::HostedModule& module, const bus::Subscription& handler, const Envelope& event
    );
    void add_tasks();
    void add_task(
        const kernel::HostedModule& module, const std::string& task, const bus::TaskTime& time
    );
    void add_waits(const order::History& history);
    void add_held(const kernel::HostedModule& module);
    void say_what_is_missing();

    host::System& system_;
    const TraceRequests& requests_;
    std::int64_t id_;
    Timeline timeline_;
    std::vector<Envelope> events_;
    std::string placed_trace_;
    std::int64_t ordered_at_ = 0;  ///< position
    bool placed_ = false;          ///< its request is there
    bool shipped_ = false;         ///< among the events so far
    int unseen_requests_ = 0;
    int untimed_relays_ = 0;
    int untimed_handlers_ = 0;
};

std::optional<Timeline> Collector::collect() {
    const kernel::HostedModule* order = hosted(system_, "order");
    if (order == nullptr) {
        return std::nullopt;
    }
    std::optional<order::History> history;
    {
        const auto reader = system_.module("order").database().read();
        history = order::history_of(*reader, id_);
    }
    if (!history) {
        return std::nullopt;
    }
    timeline_.order_status = history->status;
    events_ = system_.topic().of_order(id_);
    add_untold(*history);
    for (const Envelope& event : events_) {
        add_request_of(event);
        add_event(event);
        add_handlers(event);
    }
    add_tasks();
    add_waits(*history);
    std::ranges::stable_sort(timeline_.entries, {}, [](const TimelineEntry& entry) {
        return std::pair(entry.at_ms, entry.rank);
    });
    say_what_is_missing();
    return std::move(timeline_);
}

// ---- requests

void Collector::add_untold(const order::History& history) {
    for (const order::Untold& untold : history.untold) {
        const bool place = untold.request == "place";
        if (place) {
            placed_ = true;
            placed_trace_ = untold.trace;
        }
        add_request(
            {.time_ms = untold.time_ms,
             .trace = untold.trace,
             .context = "order",
             .name = place ? "POST /orders" : fmt::format("DELETE /orders/{}", id_),
             .told_by = "the order context",
             .rank = request_rank,
             .is_it =
                 [path = fmt::format("/orders/{}", id_), place](const Seen& seen) {
                     return place ? seen.created == path
                                  : seen.path == path && seen.method == http::Method::del;
                 }}
        );
    }
}

/// The request that published the event, if one did.
void Collector::add_request_of(const Envelope& event) {
    WrittenRequest request{
        .time_ms = event.time_ms,
        .trace = event.trace,
        .context = event.source,
        .name = {},
        .told_by = "its event " + event.type,
        .rank = event.position * ranks + request_rank,
        .is_it = {}
    };
    if (event.type == "Ordered") {
        add_placing(event);
    } else if (event.type == "OrderCanceled") {
        request.name = fmt::format("DELETE /orders/{}", id_);
        request.is_it = [path = fmt::format("/orders/{}", id_)](const Seen& seen) {
            return seen.path == path;
        };
        add_request(request);
    } else if (event.type == "DeliveryPrepared") {
        add_cause_of(event);
    } else if (event.type == "DeliveryStatusChanged") {
        const std::string status = field(event, "deliveryStatus");
        const bool policy = status == "CancelDelivery" || (status == "Shipped" && !shipped_);
        shipped_ = shipped_ || status == "Shipped";
        if (!policy) {
            const std::string path = "/deliveries/" + field(event, "id");
            request.name = "PATCH or PUT " + path;
            request.is_it = [path](const Seen& seen) { return seen.path == path; };
            add_request(request);
        }
    }
}

/// It was placed by a request; or, when it could not be verified then, the event came of a request
/// to verify it, or of the task.
void Collector::add_placing(const Envelope& ordered) {
    ordered_at_ = ordered.position;
    if (!placed_) {
        placed_ = true;
        placed_trace_ = ordered.trace;
        add_request(
            {.time_ms = ordered.time_ms,
             .trace = ordered.trace,
             .context = "order",
             .name = "POST /orders",
             .told_by = "its event Ordered",
             .rank = ordered.position * ranks + request_rank,
             .is_it = [path = fmt::format("/orders/{}", id_)](const Seen& seen
                      ) { return seen.created == path; }}
        );
    } else if (ordered.trace != placed_trace_) {
        const std::string path = fmt::format("/orders/{}/verification", id_);
        add_request(
            {.time_ms = ordered.time_ms,
             .trace = ordered.trace,
             .context = "order",
             .name = "POST " + path,
             .told_by = "its event Ordered",
             .rank = ordered.position * ranks + request_rank,
             .is_it = [path](const Seen& seen) { return seen.path == path; }}
        );
    }
}

/// An order that waited for stock was served by what brought some: a stock input, a raised stock,
/// or another order's cancel.
void Collector::add_cause_of(const Envelope& prepared) {
    if (prepared.trace.empty()) {
        return;
    }
    const auto cause = system_.topic().cause_before(
        prepared.position, prepared.trace, "InventoryIncreased", "OrderCanceled"
    );
    if (!cause || cause->position < ordered_at_) {
        return;  // its stock was there
    }
    WrittenRequest request{
        .time_ms = cause->time_ms,
        .trace = cause->trace,
        .context = cause->source,
        .name = {},
        .told_by = fmt::format("event {} ({})", cause->position, cause->type),
        .rank = cause->position * ranks + request_rank,
        .is_it = {}
    };
    if (cause->type == "OrderCanceled") {
        const std::string path = "/orders/" + field(*cause, "orderId");
        request.name = "DELETE " + path;
        request.is_it = [path](const Seen& seen) { return seen.path == path; };
    } else {
        const std::string path = "/books/" + field(*cause, "bookId");
        request.name = "POST /stockInputs, or PATCH or PUT " + path;
        request.is_it = [path](const Seen& seen) {
            return seen.path == path || seen.path == "/stockInputs";
        };
    }
    add_request(request);
}

void Collector::add_request(const WrittenRequest& request) {
    TimelineEntry entry{
        .at_ms = request.time_ms,
        .kind = Kind::request,
        .name = request.name,
        .context = request.context,
        .trace = request.trace,
        .detail =
            fmt::format("known from {} alone: its time is that of the change", request.told_by),
        .rank = request.rank
    };
    // A trace may be that of many requests: this one was under way when its change was written.
    const auto seen = requests_.of_trace(request.trace);
    const auto it = std::ranges::find_if(seen, [&](const Seen& candidate) {
        return candidate.arrived_ms <= request.time_ms &&
               request.time_ms <= candidate.answered_ms && request.is_it(candidate);
    });
    if (it != seen.end()) {
        entry.at_ms = it->arrived_ms;
        entry.until_ms = it->answered_ms;
        entry.name = fmt::format("{} {}", http::name_of(it->method), it->path);
        entry.detail = fmt::format("answered {}", it->status);
    } else {
        ++unseen_requests_;
    }
    timeline_.entries.push_back(std::move(entry));
}

// ---- events and handlers

void Collector::add_event(const Envelope& event) {
    TimelineEntry entry{
        .at_ms = event.time_ms,
        .kind = Kind::event,
        .name = event.type,
        .context = event.source,
        .trace = event.trace,
        .position = event.position,
        .rank = event.position * ranks + event_rank
    };
    for (const char* status : {"deliveryStatus", "payStatus", "orderStatus", "status"}) {
        if (entry.detail.empty()) {
            entry.detail = field(event, status);
        }
    }
    const auto relayed = system_.relay().times().select([&](const bus::BatchTime& batch) {
        return batch.has(event.position);
    });
    if (relayed.empty()) {
        ++untimed_relays_;
    } else {
        entry.until_ms = relayed.back().committed_ms;
    }
    timeline_.entries.push_back(std::move(entry));
}

void Collector::add_handlers(const Envelope& event) {
    for (const auto& module : system_.modules()) {
        for (const auto& handler : module->subscriptions()) {
            if (std::ranges::find(handler->types(), event.type) != handler->types().end()) {
                add_handler(*module, *handler, event);
                add_retries(*module, *handler, event);
            }
        }
    }
}

void Collector::add_handler(
    const kernel::HostedModule& module, const bus::Subscription& handler, const Envelope& event
) {
    if (handler.position() < event.position) {
        timeline_.waits.push_back(
            {.name = fmt::format("{} at {}", event.type, event.position),
             .context = module.name(),
             .detail = module.available() ? fmt::format("{} has not come to it yet", handler.name())
                                          : fmt::format("the {} context is stopped", module.name())}
        );
        return;
    }
    const auto batches = handler.times().select([&](const bus::BatchTime& batch) {
        return batch.has(event.position);
    });
    if (batches.empty()) {
        ++untimed_handlers_;
        return;
    }
    const bus::BatchTime& batch = batches.back();
    const auto retries = handler.retry_times().select([&](const bus::RetryTime& retry) {
        return retry.position == event.position;
    });
    bool held = !retries.empty();
    if (batch.held_some && !held) {
        const auto reader = system_.module(module.name()).database().read();
        const auto rows = bus::held_of_key(*reader, handler.name(), event.key);
        held = std::ranges::find(rows, event.position, &bus::HeldOfKey::position) != rows.end();
    }
    timeline_.entries.push_back(
        {.at_ms = batch.began_ms,
         .until_ms = batch.committed_ms,
         .kind = Kind::handler,
         .name = fmt::format("{} handled {}", handler.name(), event.type),
         .context = module.name(),
         .trace = event.trace,
         .position = event.position,
         .detail = held ? "it could not, and holds the event" : "",
         .rank = event.position * ranks + handler_rank}
    );
    if (held) {
        timeline_.entries.back().name = fmt::format("{} held {}", handler.name(), event.type);
    }
}

void Collector::add_retries(
    const kernel::HostedModule& module, const bus::Subscription& handler, const Envelope& event
) {
    for (const bus::RetryTime& retry : handler.retry_times().select([&](const auto& candidate) {
             return candidate.position == event.position;
         })) {
        const auto* what = retry.handled ? "handled" : "could not handle";
        timeline_.entries.push_back(
            {.at_ms = retry.began_ms,
             .until_ms = retry.committed_ms,
             .kind = Kind::handler,
             .name = fmt::format("{} {} {}", handler.name(), what, event.type),
             .context = module.name(),
             .trace = event.trace,
             .position = event.position,
             .detail = fmt::format("attempt {}", retry.attempt),
             .rank = event.position * ranks + handler_rank}
        );
    }
}

// ---- tasks, and what is waited for

void Collector::add_tasks() {
    for (const auto& module : system_.modules()) {
        for (const auto& task : module->tasks()) {
            for (const bus::TaskTime& time :
                 task->times().select([&](const bus::TaskTime& t) { return t.order == id_; })) {
                add_task(*module, task->name(), time);
            }
        }
    }
}

void Collector::add_task(
    const kernel::HostedModule& module, const std::string& task, const bus::TaskTime& time
) {
    TimelineEntry entry{
        .at_ms = time.started_ms,
        .until_ms = time.ended_ms,
        .kind = Kind::task,
        .name = task,
        .context = module.name(),
        .detail = std::string(time.outcome)
    };
    for (const Envelope& event : events_) {
        const bool its_own = event.source == module.name() && event.time_ms >= time.started_ms &&
                             event.time_ms <= time.ended_ms;
        if (its_own) {
            entry.rank = event.position * ranks + task_rank;
            entry.trace = event.trace;
            break;
        }
        if (event.time_ms <= time.started_ms) {
            entry.rank = event.position * ranks + later_task_rank;
            entry.trace = event.trace;
        }
    }
    if (entry.rank == 0) {
        entry.rank = task_rank;
        entry.trace = placed_trace_;
    }
    timeline_.entries.push_back(std::move(entry));
}

void Collector::add_waits(const order::History& history) {
    if (history.next_try_ms) {
        timeline_.waits.push_back(
            {.name = "verify-order",
             .context = "order",
             .detail = "customer and book are asked for again",
             .attempts = history.attempts,
             .next_try_ms = history.next_try_ms}
        );
    }
    for (const auto& module : system_.modules()) {
        add_held(*module);
    }
    if (hosted(system_, "payment") == nullptr) {
        return;
    }
    const auto reader = system_.module("payment").database().read();
    if (auto call = payment::waiting_call(*reader, id_)) {
        timeline_.waits.push_back(
            {.name = "ask-van",
             .context = "payment",
             .detail = std::move(call->call),
             .attempts = call->attempts,
             .next_try_ms = call->next_try_ms}
        );
    }
}

void Collector::add_held(const kernel::HostedModule& module) {
    const std::string key = fmt::format("order-{}", id_);
    for (const auto& handler : module.subscriptions()) {
        const auto reader = system_.module(module.name()).database().read();
        for (bus::HeldOfKey& held : bus::held_of_key(*reader, handler->name(), key)) {
            const auto event = std::ranges::find(events_, held.position, &Envelope::position);
            timeline_.waits.push_back(
                {.name = fmt::format(
                     "{} at {}", event == events_.end() ? "event" : event->type, held.position
                 ),
                 .context = module.name(),
                 .detail = held.attempts == 0
                               ? "held behind another event of this order"
                               : fmt::format("{}: {}", held.parked ? "parked" : "held", held.error),
                 .attempts = held.attempts,
                 .next_try_ms = held.next_try_ms}
            );
        }
    }
}

void Collector::say_what_is_missing() {
    const auto say = [this](int count, std::string_view one, std::string_view what) {
        if (count > 0) {
            timeline_.missing.push_back(
                fmt::format("{} of {} {}{}", what, count, one, count == 1 ? "" : "s")
            );
        }
    };
    say(unseen_requests_, "request", "arrival and answer");
    say(untimed_relays_, "event", "the time of relaying");
    say(untimed_handlers_, "handler", "the times");
    const std::int64_t since = requests_.started_ms();
    if (!timeline_.entries.empty() && timeline_.entries.front().at_ms < since) {
        timeline_.missing.push_back(fmt::format(
            "attempts of tasks before {}: such times are kept in memory, and this process started "
            "then",
            iso_timestamp(since)
        ));
    }
}

std::string_view word_of(Kind kind) {
    switch (kind) {
        case Kind::request:
            return "request";
        case Kind::event:
            return "event";
        case Kind::handler:
            return "handler";
        case Kind::task:
            return "task";
    }
    return "";
}

class Object {
  public:
    explicit Object(std::string& out) : out_(out) { out_ += '{'; }
    ~Object() { out_ += '}'; }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    template <class T>
    Object& field(std::string_view name, const T& value) {
        json::append(begin(name), value);
        return *this;
    }
    /// Its value is written behind it.
    std::string& begin(std::string_view name) {
        out_ += first_ ? "\"" : ",\"";
        first_ = false;
        out_ += name;
        out_ += "\":";
        return out_;
    }

  private:
    std::string& out_;
    bool first_ = true;
};

template <class T, class F>
void append_list(std::string& out, const std::vector<T>& list, F append) {
    out += '[';
    for (const T& item : list) {
        append(item);
        out += ',';
    }
    if (!list.empty()) {
        out.pop_back();
    }
    out += ']';
}

void append_entry(
    std::string& out, const TimelineEntry& entry, std::int64_t start_ms, std::int64_t before_ms
) {
    const auto took = entry.until_ms
                          ? std::optional(std::max<std::int64_t>(*entry.until_ms - entry.at_ms, 0))
                          : std::nullopt;
    Object(out)
        .field("at_ms", entry.at_ms)
        .field("since_start_ms", entry.at_ms - start_ms)
        .field("gap_ms", entry.at_ms - before_ms)
        .field("took_ms", took)
        .field("kind", word_of(entry.kind))
        .field("name", entry.name)
        .field("context", entry.context)
        .field("position", entry.position)
        .field("trace_id", trace_id_of(entry.trace))
        .field("detail", entry.detail);
}

}  // namespace

std::optional<Timeline> timeline_of(
    host::System& system, const TraceRequests& requests, std::int64_t order_id
) {
    return Collector(system, requests, order_id).collect();
}

std::string timeline_json(const Timeline& timeline, const std::string& base_url) {
    const auto& entries = timeline.entries;
    const std::int64_t start_ms = entries.empty() ? 0 : entries.front().at_ms;
    const std::int64_t end_ms = entries.empty() ? 0 : entries.back().at_ms;
    std::string out;
    {
        Object body(out);
        body.field("orderId", timeline.order_id)
            .field("orderStatus", timeline.order_status)
            .field("start_ms", start_ms)
            .field("lasted_ms", end_ms - start_ms);
        body.begin("entries");
        std::int64_t before_ms = start_ms;
        append_list(out, entries, [&](const TimelineEntry& entry) {
            append_entry(out, entry, start_ms, before_ms);
            before_ms = entry.at_ms;
        });
        body.begin("waiting");
        append_list(out, timeline.waits, [&](const TimelineWait& wait) {
            Object(out)
                .field("name", wait.name)
                .field("context", wait.context)
                .field("detail", wait.detail)
                .field("attempts", wait.attempts)
                .field("next_try_ms", wait.next_try_ms);
        });
        body.field("complete", timeline.missing.empty());
        body.begin("missing");
        append_list(out, timeline.missing, [&](const std::string& what) {
            json::append(out, what);
        });
        body.begin("_links");
        const std::string order = fmt::format("/orders/{}", timeline.order_id);
        Object links(out);
        links.begin("self");
        Object(out).field("href", base_url + "/trace" + order);
        links.begin("order");
        Object(out).field("href", base_url + order);
    }
    return out;
}

}  // namespace bookstore::observe
