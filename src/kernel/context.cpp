#include "kernel/context.hpp"

#include <algorithm>

#include "kernel/hosted_module.hpp"

namespace bookstore::kernel {

Wiring::~Wiring() {
    // The last offer first: it may use an earlier one.
    while (!offers_.empty()) {
        offers_.pop_back();
    }
}

HostedModule* Wiring::hosted(std::string_view context) const {
    const auto found = std::ranges::find_if(hosted_, [context](const HostedModule* module) {
        return module->name() == context;
    });
    return found == hosted_.end() ? nullptr : *found;
}

void* Wiring::find(std::string_view context, const std::type_info& type) const {
    const auto found = std::ranges::find_if(offers_, [&](const Offer& offer) {
        return offer.context == context && *offer.type == type;
    });
    return found == offers_.end() ? nullptr : found->offered.get();
}

void Wiring::note_breaker(std::string_view context, std::string_view name, Breaker& breaker) {
    breakers_.push_back({std::string(context), std::string(name), &breaker});
}

void Wiring::set_retry_waiting(std::string_view context, std::function<void()> retry) {
    retries_.push_back({std::string(context), std::move(retry)});
}

std::function<void()> Wiring::retry_waiting_of(std::string_view context) const {
    return [this, context = std::string(context)] {
        const auto found = std::ranges::find(retries_, context, &Retry::context);
        if (found != retries_.end()) {
            found->retry();
        }
    };
}

}  // namespace bookstore::kernel
