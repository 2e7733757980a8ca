#include "host/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "host/damage.hpp"
#include "modules/customer/module.hpp"
#include "modules/delivery/module.hpp"
#include "modules/inventory/module.hpp"
#include "modules/order/module.hpp"
#include "modules/payment_history/module.hpp"
#include "modules/van/module.hpp"

namespace bookstore::host {

const std::vector<std::string> context_names{
    "customer", "inventory", "order", "delivery", "payment", "payment_history", "van"
};

namespace {

storage::Database::Options topic_options(const SystemOptions& options, const Clock& clock) {
    storage::Database::Options result;
    result.path = options.data_dir + "/topic.db";
    result.vfs = options.vfs;
    result.migrations = {"topic"};
    result.now_ms = clock.now_ms();
    return result;
}

/// In-process adapter of a port that asks whether another context has such a thing. One that is not
/// hosted does not answer.
auto asks(kernel::Module* module, bool (*has)(storage::Connection&, std::int64_t)) {
    return [module, has](std::int64_t id, const std::function<void(order::Found)>& done) {
        if (module == nullptr || !module->available()) {
            done(order::Found::unavailable);
            return;
        }
        order::Found found = order::Found::unavailable;
        try {
            const storage::Reader reader = module->database().read();
            found = has(*reader, id) ? order::Found::yes : order::Found::no;
        } catch (const storage::Error&) {
            found = order::Found::unavailable;
        }
        done(found);
    };
}

payment::VanAnswer van_answer(van::Answer answer) {
    switch (answer) {
        case van::Answer::completed:
            return payment::VanAnswer::completed;
        case van::Answer::failed:
            return payment::VanAnswer::failed;
        case van::Answer::canceled:
            return payment::VanAnswer::canceled;
        case van::Answer::unavailable:
        case van::Answer::other_amount:
            return payment::VanAnswer::none;
    }
    return payment::VanAnswer::none;
}

/// In-process adapter of payment's port. A VAN that is not hosted does not answer.
payment::VanPort van_port(kernel::Module* module, van::Van* van) {
    payment::VanPort port;
    port.charge = [module, van](
                      const std::string& key,
                      Money amount,
                      const std::function<void(payment::VanAnswer)>& done
                  ) {
        if (module == nullptr || !module->available()) {
            done(payment::VanAnswer::none);
            return;
        }
        van->charge(key, amount, [done](van::Answer answer, std::int64_t) {
            done(van_answer(answer));
        });
    };
    port.cancel = [module, van](
                      const std::string& key, const std::function<void(payment::VanAnswer)>& done
                  ) {
        if (module == nullptr || !module->available()) {
            done(payment::VanAnswer::none);
            return;
        }
        van->cancel(key, [done](van::Answer answer, std::int64_t) { done(van_answer(answer)); });
    };
    return port;
}

bool names(const std::vector<std::string>& list, std::string_view name) {
    return std::ranges::find(list, name) != list.end();
}

}  // namespace

System::System(SystemOptions options, const Clock& clock, Random& random, Ring ring)
    : clock_(clock),
      ring_(std::move(ring)),
      pressure_(clock),
      topic_(opened(
          options.data_dir, "topic", [&] { return bus::Topic(topic_options(options, clock)); }
      )),
      ports_(options.ports, options.payment.van_timeout_ms, clock) {
    opened(options.data_dir, "topic", [this] { read_roots(topic_.database()); });
    for (const std::string& name : context_names) {
        if (!names(options.modules, name)) {
            continue;
        }
        const std::size_t place = modules_.size();
        const kernel::Environment environment{
            .data_dir = options.data_dir,
            .vfs = options.vfs,
            .topic = topic_,
            .clock = clock,
            .random = random,
            .pressure = pressure_,
            .retry = options.retry,
            .ring_relay = [this] { ring_(relay_bell); },
            .before_handling = options.before_handling,
            .idempotency_kept_ms = options.idempotency_kept_ms,
            .read_limit_ms = options.read_limit_ms
        };
        opened(options.data_dir, name, [&] {
            modules_.push_back(std::make_unique<kernel::Module>(name, environment, [this, place] {
                ring_(place);
            }));
            read_roots(modules_.back()->database());
        });
    }
    install(options);
    std::vector<bus::Outbox*> outboxes;
    for (const auto& module : modules_) {
        outboxes.push_back(&module->outbox());
    }
    relay_ = std::make_unique<bus::Relay>(topic_, std::move(outboxes), clock, pressure_);
    wake_verification();
    for (const auto& module : modules_) {
        opened(options.data_dir, module->name(), [&] {
            module->start(names(options.stopped, module->name()));
        });
    }
}

/// Orders that wait to be verified are asked for at once when whom they wait for is back, and when
/// the order context itself is: also now, when the process starts.
void System::wake_verification() {
    kernel::Module* const order = find("order");
    if (order == nullptr) {
        return;
    }
    for (const char* name : {"customer", "inventory", "order"}) {
        if (kernel::Module* const module = find(name)) {
            module->when_back([order] { order::verify_now(*order); });
        }
    }
    for (adapters::HttpPort* const port : {ports_.customer(), ports_.inventory()}) {
        if (port != nullptr) {
            port->when_back([order] { order::verify_now(*order); });
        }
    }
    order::verify_now(*order);
}

System::~System() = default;

void System::install(const SystemOptions& options) {
    kernel::Module* const customer = find("customer");
    kernel::Module* const inventory = find("inventory");
    kernel::Module* const van_module = find("van");
    if (customer != nullptr) {
        customer::install(*customer);
    }
    if (inventory != nullptr) {
        inventory::install(*inventory);
    }
    if (kernel::Module* const order = find("order")) {
        order::install(
            *order,
            {.has_customer = ports_.customer() != nullptr
                                 ? adapters::asks(*ports_.customer(), "/customers")
                                 : asks(customer, customer::has_customer),
             .has_book = ports_.inventory() != nullptr
                             ? adapters::asks(*ports_.inventory(), "/books")
                             : asks(inventory, inventory::has_book)}
        );
    }
    if (kernel::Module* const delivery = find("delivery")) {
        delivery::install(*delivery);
    }
    if (van_module != nullptr) {
        van_ = van::install(*van_module, options.van);
    }
    if (kernel::Module* const payment = find("payment")) {
        payment::install(
            *payment,
            ports_.van() != nullptr ? adapters::van_port(*ports_.van())
                                    : van_port(van_module, van_.get()),
            options.payment
        );
    }
    if (kernel::Module* const history = find("payment_history")) {
        payment_history::install(*history);
    }
    note_breakers();
}

void System::note_breakers() {
    const auto note = [this](std::string_view context, std::string_view name, Breaker& breaker) {
        breakers_.push_back({std::string(context), std::string(name), &breaker});
    };
    const auto note_port =
        [&](std::string_view context, std::string_view name, adapters::HttpPort* port) {
            if (port != nullptr && find(context) != nullptr) {
                note(context, name, port->breaker());
            }
        };
    note_port("order", "customer", ports_.customer());
    note_port("order", "inventory", ports_.inventory());
    note_port("payment", "van", ports_.van());
    if (van_ != nullptr) {
        note("van", "keyless", van_->keyless_breaker());
        note("van", "keyed", van_->keyed_breaker());
    }
}

std::vector<NamedBreaker> System::breakers() const {
    std::vector<NamedBreaker> breakers;
    const std::int64_t now_ms = clock_.steady_ms();
    const std::int64_t began_ms = clock_.now_ms() - now_ms;  // of the steady clock
    for (const BreakerPlace& place : breakers_) {
        Breaker::Snapshot snapshot = place.breaker->snapshot(now_ms);
        snapshot.since_ms += began_ms;
        if (snapshot.last_transition) {
            snapshot.last_transition->at_ms += began_ms;
        }
        breakers.push_back({place.context, place.name, std::move(snapshot)});
    }
    return breakers;
}

kernel::Module* System::find(std::string_view name) {
    const auto found =
        std::ranges::find_if(modules_, [&](const auto& m) { return m->name() == name; });
    return found == modules_.end() ? nullptr : found->get();
}

kernel::Module& System::module(std::string_view name) {
    return *find(name);
}

kernel::Rebuild* System::rebuild(std::string_view name) {
    for (const auto& module : modules_) {
        for (const auto& rebuild : module->rebuilds()) {
            if (rebuild->name() == name) {
                return rebuild.get();
            }
        }
    }
    return nullptr;
}

std::vector<kernel::Endpoint> System::take_endpoints() {
    std::vector<kernel::Endpoint> endpoints;
    for (const auto& module : modules_) {
        std::ranges::move(module->take_endpoints(), std::back_inserter(endpoints));
    }
    return endpoints;
}

std::vector<kernel::ResourceDescription> System::resources() const {
    std::vector<kernel::ResourceDescription> resources;
    for (const auto& module : modules_) {
        std::ranges::copy(module->resources(), std::back_inserter(resources));
    }
    return resources;
}

bool System::ready() const {
    return std::ranges::all_of(modules_, [](const auto& module) {
        return module->state() != kernel::Module::State::starting || module->catching_up();
    });
}

}  // namespace bookstore::host
