#include "bus/policies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace bookstore::bus {

void Policies::add(Policy policy) {
    if (find(policy.type) != nullptr) {
        throw std::logic_error(fmt::format("{} has two policies for {}", subscription_, policy.type)
        );
    }
    policies_.push_back(std::move(policy));
}

const Policies::Policy* Policies::find(std::string_view type) const {
    const auto found = std::ranges::find(policies_, type, &Policy::type);
    return found == policies_.end() ? nullptr : &*found;
}

Types Policies::types() const {
    Types types;
    for (const Policy& policy : policies_) {
        types.push_back(policy.type);
    }
    return types;
}

}  // namespace bookstore::bus
