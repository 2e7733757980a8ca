#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "kernel/fields.hpp"
#include "kernel/operation.hpp"
#include "kernel/schema.hpp"

// What the API's description says of a collection's routes.

namespace bookstore::kernel {

/// What an operation says of itself beyond what follows from its kind.
struct Doc {
    std::string id;
    std::string summary;
    std::string description{};
    std::vector<Reply> replies{};
};

namespace detail {

Operation list_operation(
    const ResourceDescription& resource, const std::vector<std::string_view>& sortable
);
Operation show_operation(const ResourceDescription& resource);
Operation find_operation(
    const ResourceDescription& resource,
    std::string_view finder,
    std::string_view parameter,
    bool one,
    const std::vector<std::string_view>* sortable
);
Operation create_operation(const ResourceDescription& resource, Doc doc);
Operation change_operation(const ResourceDescription& resource, Doc doc);
Operation remove_operation(const ResourceDescription& resource, Doc doc);
void set_body(
    Operation& operation, std::string schema, std::vector<FieldSpec> fields, Schema example
);
/// The members of an item that a field table has: an example of its body.
template <class T>
Schema body_example(const T& item, const std::vector<FieldSpec>& fields) {
    std::string out;
    {
        json::Object body(out);
        json::for_each_field(item, [&](std::string_view name, const auto& value) {
            if (std::ranges::find(fields, name, &FieldSpec::name) != fields.end()) {
                body.member(name, value);
            }
        });
    }
    return value_of(out);
}

}  // namespace detail

}  // namespace bookstore::kernel
