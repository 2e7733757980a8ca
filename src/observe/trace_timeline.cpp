#include "observe/trace_timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "base/key.hpp"
#include "host/order_index.hpp"
#include "kernel/story.hpp"
#include "observe/trace_collector.hpp"

namespace bookstore::observe {

using bus::Envelope;
using Kind = TimelineEntry::Kind;

std::optional<Timeline> Collector::collect() {
    read_parts();
    const auto owner = std::ranges::find_if(parts_, [](const auto& part) {
        return part.second.status.has_value();
    });
    if (owner == parts_.end()) {
        return std::nullopt;
    }
    timeline_.order_status = *owner->second.status;
    add_all();
    return std::move(timeline_);
}

Timeline Collector::collect_part() {
    is_part_ = true;
    read_parts();
    for (const auto& [context, part] : parts_) {
        timeline_.order_status = part.status.value_or(timeline_.order_status);
    }
    add_all();
    return std::move(timeline_);
}

void Collector::add_all() {
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
}

/// What the files of the contexts that are hosted here know.
void Collector::read_parts() {
    for (const kernel::Context& context : system_.contexts()) {
        kernel::HostedModule* const module = system_.find(context.name);
        if (module != nullptr && context.story.part) {
            const auto reader = module->read_for_client();
            parts_[context.name] = context.story.part(*reader, key_);
        }
    }
}

// ---- requests

/// The request that the event at that place of events_ goes back to, as its context has it.
void Collector::add_request_of(std::size_t place) {
    const Envelope& event = events_[place];
    const auto& contexts = system_.contexts();
    const auto source = std::ranges::find(contexts, event.source, &kernel::Context::name);
    if (source == contexts.end() || !source->story.request_of) {
        return;
    }
    // Who hosts that context tells it.
    if (is_part_ && system_.find(source->name) == nullptr) {
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
        const auto reader = module.read_for_client();
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
    const auto reader = module.read_for_client();
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

bool Collector::reaches_back_to_its_first_event() const {
    return std::ranges::any_of(system_.contexts(), [this](const kernel::Context& context) {
        const auto is_first = [&context](const Envelope& event) {
            return event.source == context.name && event.type == context.story.first_event;
        };
        return std::ranges::any_of(events_, is_first);
    });
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
    say(is_part_ ? 0 : untimed_relays_, "event", "the time of relaying");
    say(untimed_handlers_, "handler", "the times");
    const std::int64_t first = system_.topic().first();
    if (first > 1 && !reaches_back_to_its_first_event()) {
        timeline_.missing.push_back(
            fmt::format("events before {}: the log begins there, older ones were removed", first)
        );
    }
    const std::int64_t since = requests_.started_ms();
    if (!timeline_.entries.empty() && timeline_.entries.front().at_ms < since) {
        timeline_.missing.push_back(fmt::format(
            "attempts of tasks before {}: such times are kept in memory, and this process started "
            "then",
            iso_timestamp(since)
        ));
    }
}

std::optional<Timeline> timeline_of(
    host::System& system, const TraceRequests& requests, std::int64_t order_id
) {
    return Collector(system, requests, order_id).collect();
}

Timeline timeline_part(host::System& system, const TraceRequests& requests, std::int64_t order_id) {
    return Collector(system, requests, order_id).collect_part();
}

}  // namespace bookstore::observe
