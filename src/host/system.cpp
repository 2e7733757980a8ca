#include "host/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "bus/cursor.hpp"
#include "bus/topic_relay.hpp"
#include "host/damage.hpp"
#include "host/moments.hpp"
#include "host/shop.hpp"

namespace bookstore::host {
namespace {

storage::Database::Options topic_options(const SystemOptions& options, const Clock& clock) {
    storage::Database::Options result;
    result.path = options.data_dir + "/topic.db";
    result.vfs = options.vfs;
    result.migrations = {"topic"};
    result.now_ms = clock.now_ms();
    return result;
}

bool contains(const std::vector<std::string>& list, std::string_view name) {
    return std::ranges::find(list, name) != list.end();
}

bool is_hosted(const kernel::Context& context, const SystemOptions& options) {
    return options.modules.empty() || contains(options.modules, context.name);
}

}  // namespace

std::vector<std::string> file_names(const Contexts& contexts) {
    std::vector<std::string> names{"topic.db"};
    for (const kernel::Context& context : contexts) {
        names.push_back(context.name + ".db");
    }
    return names;
}

std::size_t System::places(const Contexts& contexts, const SystemOptions& options) {
    const auto hosted = std::ranges::count_if(contexts, [&](const kernel::Context& context) {
        return is_hosted(context, options);
    });
    return static_cast<std::size_t>(hosted) + 1;
}

System::System(
    Contexts contexts, SystemOptions options, const Clock& clock, Random& random, Ring ring
)
    : contexts_(std::move(contexts)),
      clock_(clock),
      ring_(std::move(ring)),
      relay_place_(places(contexts_, options) - 1),
      pressure_(clock),
      topic_(opened(options.data_dir, topic_file, [&] {
          return bus::Topic(topic_options(options, clock));
      })) {
    try {
        open(options, random);
    } catch (const storage::Error& error) {
        throw_if_damaged(options.data_dir, topic_file, error);
        for (const kernel::Context& context : contexts_) {
            throw_if_damaged(options.data_dir, context, error);
        }
        throw;
    }
}

void System::open(const SystemOptions& options, Random& random) {
    {
        const storage::Reader reader = topic_.reader();
        read_roots(*reader);
    }
    topic_.keep(order_index_);
    open_mirror(options);
    open_modules(options, random);
    require_one_shop(
        {.data_dir = options.data_dir, .partition = options.partition.topic},
        topic_,
        modules_,
        random
    );
    require_told_moments(options.data_dir, modules_);
    install();
    make_relay();
    lag_ = std::make_unique<Lag>(*relay_, modules_, clock_);
    pressure_.measure_with([this] { return lag_->measure(); });
    retention_ = std::make_unique<Retention>(topic_, modules_, clock_, options.retention, [this] {
        ring_relay();
    });
    wire_retries();
    for (const kernel::Context& context : contexts_) {
        if (kernel::HostedModule* module = find(context.name)) {
            module->start(contains(options.stopped, context.name));
        }
    }
}

void System::open_mirror(const SystemOptions& options) {
    if (options.partition.pipe) {
        pipe_ = options.partition.pipe([this] { ring_relay(); });
        mirror_ = std::make_unique<bus::Mirror>(
            topic_,
            *pipe_,
            clock_,
            bus::Mirror::Options{
                options.partition.topic,
                options.partition.audit_every_ms,
                options.partition.short_for_ms
            }
        );
        return;
    }
    const storage::Reader reader = topic_.reader();
    if (const auto read_to = bus::MirrorTable::read_to(*reader)) {
        throw storage::Refused(fmt::format(
            "{}/topic.db is a mirror of the Kafka topic {}: start with --kafka HOST:PORT "
            "--kafka-topic {}, or nothing that is published here reaches the other processes",
            options.data_dir,
            read_to->topic,
            read_to->topic
        ));
    }
}

void System::make_relay() {
    if (!mirror_) {
        std::vector<bus::Outbox*> outboxes;
        for (const auto& module : modules_) {
            outboxes.push_back(&module->outbox());
        }
        relay_ = std::make_unique<bus::TopicRelay>(topic_, std::move(outboxes), clock_, pressure_);
        return;
    }
    std::vector<bus::PartitionRelay::Hosted> hosted;
    for (const auto& module : modules_) {
        const storage::Reader reader = module->read();
        hosted.push_back({module->outbox(), module->gate(), bus::stored_cursors(*reader)});
    }
    auto relay = std::make_unique<bus::PartitionRelay>(
        *mirror_, *pipe_, std::move(hosted), clock_, pressure_
    );
    partition_relay_ = relay.get();
    relay_ = std::move(relay);
}

System::~System() {
    // While all are there: who is told may turn to another context.
    bool any = true;
    while (any) {
        any = false;
        for (const auto& module : modules_) {
            any = module->drop_waiting() || any;
        }
    }
}

void System::open_modules(const SystemOptions& options, Random& random) {
    for (const kernel::Context& context : contexts_) {
        if (!is_hosted(context, options)) {
            continue;
        }
        const kernel::Environment environment{
            .data_dir = options.data_dir,
            .vfs = options.vfs,
            .topic = topic_,
            .clock = clock_,
            .random = random,
            .pressure = pressure_,
            .retry = options.retry,
            .ring_relay = [this] { ring_relay(); },
            .before_handling = options.before_handling,
            .idempotency_kept_ms = options.idempotency_kept_ms,
            .read_limit_ms = options.read_limit_ms,
            .keeps_owners = options.keeps_owners
        };
        modules_.push_back(std::make_unique<kernel::HostedModule>(
            context.name, environment, [this, place = modules_.size()] { ring_(place); }
        ));
        const storage::Reader reader = modules_.back()->read();
        read_roots(*reader);
        wiring_.host(*modules_.back());
    }
}

/// All that are hosted of those that it needs are installed.
bool System::is_installable(
    const kernel::Context& context, const std::vector<std::string>& installed
) const {
    return std::ranges::all_of(context.needs, [&](const std::string& needed) {
        return find(needed) == nullptr || contains(installed, needed);
    });
}

/// In the order of the table, but each after those that it needs.
void System::install() {
    std::vector<std::string> installed;
    while (installed.size() < modules_.size()) {
        const auto next = std::ranges::find_if(contexts_, [&](const kernel::Context& context) {
            return find(context.name) != nullptr && !contains(installed, context.name) &&
                   is_installable(context, installed);
        });
        if (next == contexts_.end()) {
            throw std::logic_error("contexts that need each other cannot be installed");
        }
        next->install(module(next->name).module(), wiring_);
        installed.push_back(next->name);
    }
}

/// Who waits for another context tries again when that is resumed, and when it itself is: also now,
/// when the process starts.
void System::wire_retries() {
    for (const kernel::Context& context : contexts_) {
        kernel::HostedModule* const module = find(context.name);
        if (module == nullptr || !context.retry_waiting) {
            continue;
        }
        const auto retry = [&context, module] { context.retry_waiting(module->module()); };
        wiring_.set_retry_waiting(context.name, retry);
        module->when_resumed(retry);
        for (const std::string& needed : context.needs) {
            if (kernel::HostedModule* const other = find(needed)) {
                other->when_resumed(retry);
            }
        }
        retry();
    }
}

std::vector<NamedBreaker> System::breakers() const {
    std::vector<NamedBreaker> breakers;
    const std::int64_t steady_ms = clock_.steady_ms();
    const std::int64_t wall_minus_steady_ms = clock_.now_ms() - steady_ms;
    for (const auto& module : modules_) {
        for (const kernel::Wiring::NotedBreaker& noted : wiring_.breakers()) {
            if (noted.context != module->name()) {
                continue;
            }
            NamedBreaker named{
                .context = noted.context,
                .name = noted.name,
                .snapshot = noted.breaker->snapshot(steady_ms)
            };
            named.since_ms = named.snapshot.since_steady_ms + wall_minus_steady_ms;
            if (const auto& last = named.snapshot.last_transition) {
                named.last_transition_ms = last->at_steady_ms + wall_minus_steady_ms;
            }
            breakers.push_back(std::move(named));
        }
    }
    return breakers;
}

kernel::HostedModule* System::find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(modules_, [&](const auto& module) { return module->name() == name; });
    return found == modules_.end() ? nullptr : found->get();
}

kernel::HostedModule* System::owner_of_read_model(std::string_view name) const {
    const auto found = std::ranges::find_if(modules_, [name](const auto& module) {
        return std::ranges::any_of(module->rebuilds(), [name](const auto& rebuild) {
            return rebuild->name() == name;
        });
    });
    return found == modules_.end() ? nullptr : found->get();
}

std::vector<kernel::Endpoint> System::endpoints() const {
    std::vector<kernel::Endpoint> endpoints;
    for (const auto& module : modules_) {
        std::ranges::move(module->endpoints(), std::back_inserter(endpoints));
    }
    return endpoints;
}

std::vector<kernel::ResourceDescription> System::resources() const {
    std::vector<kernel::ResourceDescription> resources;
    for (const auto& module : modules_) {
        std::ranges::copy(module->module().declarations().resources, std::back_inserter(resources));
    }
    return resources;
}

std::string System::closed_gate() const {
    for (const auto& module : modules_) {
        if (!module->gate().is_open()) {
            return module->gate().reason();
        }
    }
    return {};
}

bool System::ready() const {
    return std::ranges::all_of(modules_, [](const auto& module) {
        return module->state() != kernel::HostedModule::State::starting || module->catching_up();
    });
}

}  // namespace bookstore::host
