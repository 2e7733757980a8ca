#include "operations/parked_actions.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <functional>
#include <utility>
#include <vector>

#include "kernel/command.hpp"
#include "kernel/hal.hpp"
#include "operations/module_routes.hpp"
#include "operations/parked_events.hpp"
#include "operations/parked_resources.hpp"

namespace bookstore::operations {
namespace {

using bus::HeldEvent;
using bus::HeldTable;
using http::Answer;
using http::Done;
using http::Request;
using kernel::hal_response;
using kernel::HostedModule;

/// The write of an operator on held events, and their subscriptions look again.
void act(
    HostedModule& module,
    std::vector<bus::Subscription*> subscriptions,
    kernel::Write write,
    const Done& done
) {
    module.module().write(std::move(write), [subscriptions, done](Answer answer) {
        for (bus::Subscription* subscription : subscriptions) {
            subscription->held_changed();
        }
        done(std::move(answer));
    });
}

/// How many were acted on, and how many the context still has parked.
http::Response counted(
    const Request& request,
    const HostedModule& module,
    std::int64_t count,
    std::int64_t left,
    int status
) {
    const std::string base_url = request.base_url();
    CountedResource resource{module.name(), count, left, {}};
    resource._links.add("module", fmt::format("{}/modules/{}", base_url, module.name()));
    resource._links.add("parked", fmt::format("{}/parked?module={}", base_url, module.name()));
    return hal_response(request, json::text_of(resource), status);
}

using OfAll = std::function<std::int64_t(const HeldTable&, bus::UnitOfWork&)>;

/// Acts on all that the context in the path has parked.
void act_on_all(
    host::System& system, const Request& request, int status, const OfAll& of_all, const Done& done
) {
    const auto found = module_in_path(system, request);
    if (!found) {
        done(found.error());
        return;
    }
    HostedModule& module = **found;
    const auto holders = holders_in(system, &module);
    std::vector<bus::Subscription*> subscriptions;
    for (const Holder& holder : holders) {
        subscriptions.push_back(holder.subscription);
    }
    const auto write = [&request, &module, holders, of_all, status](bus::UnitOfWork& work
                       ) -> Answer {
        std::int64_t count = 0;
        std::int64_t left = 0;
        for (const Holder& holder : holders) {
            count += of_all(holder.held(), work);
            left += holder.held().count(work.db(), true);
        }
        return counted(request, module, count, left, status);
    };
    act(module, std::move(subscriptions), write, done);
}

}  // namespace

const kernel::Fields<Reason>& reason_fields() {
    static const auto fields = kernel::Fields<Reason>().text("reason", &Reason::reason);
    return fields;
}

void retry_parked(host::System& system, const Request& request, const Done& done) {
    const auto id = held_id_in_path(system, request);
    if (!id) {
        done(id.error());
        return;
    }
    const auto write = [&request, id = *id](bus::UnitOfWork& work) -> Answer {
        const HeldTable& held = id.holder.held();
        const bool retried = held.retry(work.db(), id.position, work.now_ms());
        const auto event = held.find(work.db(), id.position);
        if (!event) {
            return id.unknown();
        }
        if (!retried) {
            return kernel::problem(
                409,
                event->state == HeldEvent::State::skipped
                    ? fmt::format("{} was skipped: {}", id.text, event->reason)
                    : fmt::format(
                          "{} waits behind another event of {}: retry or skip that one first",
                          id.text,
                          event->key
                      )
            );
        }
        return shown(request, id.holder, *event, 202);
    };
    act(*id->holder.module, {id->holder.subscription}, write, done);
}

void skip_parked(host::System& system, const Request& request, const Done& done) {
    auto body = reason_fields().read(request);
    if (!body) {
        done(std::move(body.error()));
        return;
    }
    const auto id = held_id_in_path(system, request);
    if (!id) {
        done(id.error());
        return;
    }
    const auto write = [&request, id = *id, reason = body->reason](bus::UnitOfWork& work
                       ) -> Answer {
        const HeldTable& held = id.holder.held();
        if (held.skip(work.db(), id.position, reason, work.now_ms())) {
            spdlog::warn("{} was skipped by an operator: {}", id.text, reason);
        }
        const auto event = held.find(work.db(), id.position);
        return event ? Answer(shown(request, id.holder, *event)) : Answer(id.unknown());
    };
    act(*id->holder.module, {id->holder.subscription}, write, done);
}

void retry_all_parked(host::System& system, const Request& request, const Done& done) {
    const auto retried = [](const HeldTable& parked, bus::UnitOfWork& work) {
        return parked.retry_parked(work.db(), work.now_ms());
    };
    act_on_all(system, request, 202, retried, done);
}

void skip_all_parked(host::System& system, const Request& request, const Done& done) {
    auto body = reason_fields().read(request);
    if (!body) {
        done(std::move(body.error()));
        return;
    }
    const auto skipped = [reason = body->reason](const HeldTable& parked, bus::UnitOfWork& work) {
        const std::int64_t count = parked.skip_parked(work.db(), reason, work.now_ms());
        if (count > 0) {
            spdlog::warn(
                "{} events of {} were skipped by an operator: {}",
                count,
                parked.subscription(),
                reason
            );
        }
        return count;
    };
    act_on_all(system, request, 200, skipped, done);
}

}  // namespace bookstore::operations
