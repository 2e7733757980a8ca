#include "observe/trace_timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "base/key.hpp"
#include "host/order_index.hpp"
#include "kernel/story.hpp"

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

/// What is known of a request without anybody having seen it: what it wrote, and when.
struct WrittenRequest {
    std::int64_t time_ms = 0;
    std::string trace;
    std::string context;
    std::string known_from;  ///< if nobody saw it
    std::int64_t rank = 0;
    kernel::StoryRequest request;
};

class Collector {
  public:
    Collector(host::System& system, const TraceRequests& requests, std::int64_t order_id)
        : system_(system), requests_(requests), key_{"order", order_id} {
        timeline_.order_id = order_id;
    }

    std::optional<Timeline> collect();

  private:
    void read_parts();
    void add_untold(const std::string& context, const kernel::StoryPart& part);
    void add_event(const Envelope& event);
    void add_request_of(std::size_t place);
    void add_request(const WrittenRequest& request);
    void add_handlers(const Envelope& event);
    void add_handler(
        kernel::HostedModule& module, const bus::Subscription& handler, const Envelope& event
    );
    void add_retries(
        const kernel::HostedModule& module, const bus::Subscription& handler, const Envelope& event
    );
    void add_tasks();
    void add_task(
        const kernel::HostedModule& module, const std::string& task, const bus::TaskTime& time
    );
    void add_waits();
    void add_held(kernel::HostedModule& module);
    void say_what_is_missing();

    host::System& system_;
    const TraceRequests& requests_;
    const Key key_;
    Timeline timeline_;
    std::map<std::string, kernel::StoryPart> parts_;  ///< by context
    std::vector<Envelope> events_;
    std::string first_trace_;  ///< of the request that began it
    int unseen_requests_ = 0;
    int untimed_relays_ = 0;
    int untimed_handlers_ = 0;
};

std::optional<Timeline> Collector::collect() {
    read_parts();
    const auto owner = std::ranges::find_if(parts_, [](const auto& part) {
        return part.second.status.has_value();
    });
    if (owner == parts_.end()) {
        return std::nullopt;
    }
    timeline_.order_status = *owner->second.status;
    events_ = host::OrderIndex::events_of(system_.topic(), key_.id);
    for (const auto& [context, part] : parts_) {
        add_untold(context, part);
    }
    for (std::size_t place = 0; place < events_.size(); ++place) {
        add_request_of(place);
        add_event(events_[place]);
        add_handlers(events_[place]);
    }
    add_tasks();
    add_waits();
    std::ranges::stable_sort(timeline_.entries, {}, [](const TimelineEntry& entry) {
        return std::pair(entry.at_ms, entry.rank);
    });
    say_what_is_missing();
    return std::move(timeline_);
}

/// What the files of the contexts that are hosted here know.
void Collector::read_parts() {
    for (const kernel::Context& context : system_.contexts()) {
        kernel::HostedModule* const module = system_.find(context.name);
        if (module != nullptr && context.story.part) {
            const auto reader = module->read();
            parts_[context.name] = context.story.part(*reader, key_);
        }
    }
}

// ---- requests

void Collector::add_untold(const std::string& context, const kernel::StoryPart& part) {
    for (const kernel::StoryPart::Untold& untold : part.untold) {
        add_request(
            {.time_ms = untold.time_ms,
             .trace = untold.trace,
             .context = context,
             .known_from = fmt::format("the {} context", context),
             .rank = request_rank,
             .request = untold.request}
        );
    }
}

/// The request that the event at that place of events_ goes back to, as its context has it.
void Collector::add_request_of(std::size_t place) {
    const Envelope& event = events_[place];
    const auto& contexts = system_.contexts();
    const auto source = std::ranges::find(contexts, event.source, &kernel::Context::name);
    if (source == contexts.end() || !source->story.request_of) {
        return;
    }
    const auto found = source->story.request_of(
        {.event = event,
         .before = std::span(events_).first(place),
         .known = parts_[event.source],
         .cause_before =
             [&](std::string_view type, std::string_view other) {
                 return host::OrderIndex::cause_before(
                     system_.topic(), event.position, event.trace, type, other
                 );
             }}
    );
    if (!found) {
        return;
    }
    const Envelope& published = found->cause ? *found->cause : event;
    add_request(
        {.time_ms = published.time_ms,
         .trace = published.trace,
         .context = published.source,
         .known_from = found->cause
                           ? fmt::format("event {} ({})", published.position, published.type)
                           : "its event " + published.type,
         .rank = published.position * ranks + request_rank,
         .request = found->request}
    );
}

void Collector::add_request(const WrittenRequest& request) {
    if (request.request.begins) {
        first_trace_ = request.trace;
    }
    TimelineEntry entry{
        .at_ms = request.time_ms,
        .kind = Kind::request,
        .name = request.request.name,
        .context = request.context,
        .trace = request.trace,
        .detail =
            fmt::format("known from {} alone: its time is that of the change", request.known_from),
        .rank = request.rank
    };
    // A trace may be that of many requests: this one was under way when its change was written.
    const auto seen = requests_.of_trace(request.trace);
    const auto it = std::ranges::find_if(seen, [&](const Seen& candidate) {
        return candidate.arrived_ms <= request.time_ms &&
               request.time_ms <= candidate.answered_ms && request.request.is_it(candidate);
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
        .detail = kernel::status_in(event),
        .rank = event.position * ranks + event_rank
    };
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
    kernel::HostedModule& module, const bus::Subscription& handler, const Envelope& event
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
    const auto batches = handler.stats().batch_times.select([&](const bus::BatchTime& batch) {
        return batch.has(event.position);
    });
    if (batches.empty()) {
        ++untimed_handlers_;
        return;
    }
    const bus::BatchTime& batch = batches.back();
    const auto retries = handler.stats().retry_times.select([&](const bus::RetryTime& retry) {
        return retry.position == event.position;
    });
    bool held = !retries.empty();
    if (batch.held_some && !held) {
        const auto reader = module.read();
        const auto rows = handler.held().of_key(*reader, event.key);
        held = std::ranges::find(rows, event.position, &bus::HeldEvent::position) != rows.end();
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
    for (const bus::RetryTime& retry :
         handler.stats().retry_times.select([&](const auto& candidate) {
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
                 task->times().select([&](const bus::TaskTime& t) { return t.subject == key_; })) {
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
        entry.trace = first_trace_;
    }
    timeline_.entries.push_back(std::move(entry));
}

void Collector::add_waits() {
    for (const auto& module : system_.modules()) {
        add_held(*module);
    }
    for (const auto& [context, part] : parts_) {
        for (const kernel::StoryPart::Wait& wait : part.waits) {
            timeline_.waits.push_back(
                {.name = wait.name,
                 .context = context,
                 .detail = wait.detail,
                 .attempts = wait.attempts,
                 .next_try_ms = wait.next_try_ms}
            );
        }
    }
}

void Collector::add_held(kernel::HostedModule& module) {
    const std::string key = text_of(key_);
    const auto reader = module.read();
    for (const auto& handler : module.subscriptions()) {
        for (const bus::HeldEvent& held : handler->held().of_key(*reader, key)) {
            const auto event = std::ranges::find(events_, held.position, &Envelope::position);
            timeline_.waits.push_back(
                {.name = fmt::format(
                     "{} at {}", event == events_.end() ? "event" : event->type, held.position
                 ),
                 .context = module.name(),
                 .detail =
                     held.attempts == 0
                         ? "held behind another event of this order"
                         : fmt::format(
                               "{}: {}",
                               held.state == bus::HeldEvent::State::parked ? "parked" : "held",
                               held.error
                           ),
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

}  // namespace

std::optional<Timeline> timeline_of(
    host::System& system, const TraceRequests& requests, std::int64_t order_id
) {
    return Collector(system, requests, order_id).collect();
}

}  // namespace bookstore::observe
