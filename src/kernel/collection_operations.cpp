#include "kernel/collection_operations.hpp"

#include <fmt/format.h>

#include "kernel/paging.hpp"

namespace bookstore::kernel::detail {
namespace {

std::string collection_schema(const ResourceDescription& resource) {
    return resource.schema + "Collection";
}

std::vector<Parameter> page_parameters(const std::vector<std::string_view>& sortable) {
    std::vector<std::string> words;
    for (const std::string_view property : sortable) {
        for (const std::string_view order : {"", ",asc", ",desc"}) {
            words.push_back(fmt::format("{}{}", property, order));
        }
    }
    return {
        {.name = "page",
         .description = "which page, from 0",
         .schema = integer_schema(0, 0),
         .example = 0},
        {.name = "size",
         .description = fmt::format("items a page; more than {0} gives {0}", max_page_size),
         .schema = integer_schema(1, default_page_size),
         .example = 20},
        {.name = "sort",
         .description = "by what; equal ones by id, in the same direction",
         .schema = words_schema(words, sortable.front()),
         .example = Schema(fmt::format("{},desc", sortable.front()))}
    };
}

Parameter condition(std::string name, std::string description) {
    return {
        .name = std::move(name),
        .in = Parameter::In::header,
        .description = std::move(description),
        .schema = text_schema()
    };
}

void add_conditions(Operation& operation) {
    operation.parameters.push_back(
        condition("If-Match", "the ETag that it must still have: else 412 and nothing is changed")
    );
    add_reply(operation, {.status = 404, .description = "there is none of that id"});
    add_reply(
        operation,
        {.status = 412,
         .description = "it was changed since it had the ETag of If-Match",
         .headers = {"ETag"}}
    );
}

Reply item_reply(const ResourceDescription& resource, std::string description) {
    return {
        .status = 200,
        .description = std::move(description),
        .type = "hal",
        .schema = schema_named(resource.schema),
        .headers = {"ETag"}
    };
}

void add_item_replies(Operation& operation, const ResourceDescription& resource) {
    operation.parameters.push_back(
        condition("If-None-Match", "an ETag that the client has: 304 when it is the item's still")
    );
    operation.replies = {
        item_reply(resource, "the " + resource.singular),
        {.status = 304, .description = "the client has it already", .headers = {"ETag"}},
        {.status = 404, .description = "there is none"}
    };
}

Operation of(const ResourceDescription& resource, std::string id, std::string summary) {
    Operation operation;
    operation.tag = resource.collection;
    operation.id = std::move(id);
    operation.summary = std::move(summary);
    return operation;
}

Operation of(const ResourceDescription& resource, Doc doc) {
    Operation operation = of(resource, std::move(doc.id), std::move(doc.summary));
    operation.description = std::move(doc.description);
    operation.replies = std::move(doc.replies);
    return operation;
}

}  // namespace

Operation list_operation(
    const ResourceDescription& resource, const std::vector<std::string_view>& sortable
) {
    Operation operation =
        of(resource,
           "list" + capitalized(resource.collection),
           fmt::format("List the {}, a page at a time", resource.collection));
    operation.parameters = page_parameters(sortable);
    operation.replies = {
        {.status = 200,
         .description = "a page; beyond the last one it is empty",
         .type = "hal",
         .schema = schema_named(collection_schema(resource))}
    };
    return operation;
}

Operation show_operation(const ResourceDescription& resource) {
    Operation operation =
        of(resource, "get" + resource.schema, fmt::format("Show one {}", resource.singular));
    add_item_replies(operation, resource);
    return operation;
}

Operation find_operation(
    const ResourceDescription& resource,
    std::string_view finder,
    std::string_view parameter,
    bool one,
    const std::vector<std::string_view>* sortable
) {
    Operation operation =
        of(resource,
           fmt::format("{}In{}", finder, capitalized(resource.collection)),
           fmt::format(
               "Find {} by {}", one ? "the " + resource.singular : resource.collection, parameter
           ));
    if (one) {
        add_item_replies(operation, resource);
    } else {
        operation.replies = {
            {.status = 200,
             .description = "those that there are, or none",
             .type = "hal",
             .schema = schema_named(
                 sortable != nullptr ? collection_schema(resource) : resource.schema + "List"
             )}
        };
    }
    operation.parameters.insert(
        operation.parameters.begin(), id_parameter(std::string(parameter), "a whole number from 1")
    );
    if (sortable != nullptr) {
        for (Parameter& each : page_parameters(*sortable)) {
            operation.parameters.push_back(std::move(each));
        }
    }
    return operation;
}

Operation create_operation(const ResourceDescription& resource, Doc doc) {
    Operation operation = of(resource, std::move(doc));
    operation.replies.insert(
        operation.replies.begin(),
        {.status = 201,
         .description = "made, and on disk",
         .type = "hal",
         .schema = schema_named(resource.schema),
         .headers = {"Location", "ETag"}}
    );
    return operation;
}

Operation change_operation(const ResourceDescription& resource, Doc doc) {
    Operation operation = of(resource, std::move(doc));
    operation.replies.insert(operation.replies.begin(), item_reply(resource, "as it is now"));
    add_conditions(operation);
    return operation;
}

Operation remove_operation(const ResourceDescription& resource, Doc doc) {
    Operation operation = of(resource, std::move(doc));
    operation.replies.insert(
        operation.replies.begin(), {.status = 204, .description = "done, and on disk"}
    );
    add_conditions(operation);
    return operation;
}

void set_body(
    Operation& operation, std::string schema, std::vector<FieldSpec> fields, Schema example
) {
    operation.body = RequestBody{
        .schema = std::move(schema),
        .fields = std::move(fields),
        .merge_patch = false,
        .example = std::move(example)
    };
}

}  // namespace bookstore::kernel::detail
