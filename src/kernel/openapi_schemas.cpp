#include "kernel/openapi_schemas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <string>
#include <utility>

#include "kernel/hal.hpp"
#include "kernel/schema.hpp"

namespace bookstore::kernel {
namespace {

namespace json = boost::json;

// ---- what is read

json::object text_input() {
    // No control character anywhere, and one that can be seen somewhere: text_fault()'s rules, but
    // for what is rare beyond the first plane.
    constexpr auto allowed =
        R"([^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])";
    constexpr auto visible =
        R"([^\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f-\u1160\u1680\u17b4-\u17b5)"
        R"(\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164)"
        R"(\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb])";
    const auto pattern = fmt::format("^{0}*{1}{0}*$", allowed, visible);
    return {
        {"type", "string"},
        {"minLength", 1},
        {"maxLength", max_text_characters},
        {"pattern", pattern}
    };
}

/// Numbers that come as strings are told of in words alone: a type of two kinds is a burden for
/// whoever has it generated.
json::object input_schema(const FieldSpec& field) {
    json::object schema;
    switch (field.kind) {
        case FieldKind::integer:
            schema = integer_schema(field.minimum).json().as_object();
            break;
        case FieldKind::money:
            schema = money_schema().json().as_object();
            schema["multipleOf"] = 0.01;
            break;
        case FieldKind::text:
            schema = text_input();
            break;
        case FieldKind::word:
            schema = {{"type", "string"}, {"enum", words_of(field)}};
            break;
    }
    return field.required ? schema : or_null(schema).json().as_object();
}

json::object body_schema(const RequestBody& body) {
    json::object properties;
    json::array required;
    for (const FieldSpec& field : body.fields) {
        properties[field.name] = input_schema(field);
        if (field.required && !body.merge_patch) {
            required.push_back(json::value(field.name));
        }
    }
    json::object schema{
        {"type", "object"},
        {"description", "Unknown fields are ignored. Numbers may come as JSON strings."},
        {"properties", std::move(properties)}
    };
    if (!required.empty()) {
        schema["required"] = std::move(required);
    }
    return schema;
}

// ---- what is shown

json::object links_schema(
    const std::string& name,
    std::span<const std::string> required,
    std::span<const std::string> more
) {
    json::object properties;
    json::array names;
    for (const std::string& relation : required) {
        properties[relation] = reference("Link");
        names.push_back(json::value(relation));
    }
    for (const std::string& relation : more) {
        properties[relation] = reference("Link");
    }
    return {
        {"type", "object"},
        {"title", name},
        {"properties", std::move(properties)},
        {"required", std::move(names)},
        {"additionalProperties", false}
    };
}

json::object item_schema(const ResourceDescription& resource) {
    json::object properties;
    json::array required;
    for (const FieldSpec& field : resource.fields) {
        properties[field.name] = shown_schema(field);
        required.push_back(json::value(field.name));
    }
    const std::string always[] = {"self", resource.singular};
    properties["_links"] = links_schema(resource.schema + "Links", always, resource.links);
    required.push_back("_links");
    return {
        {"type", "object"},
        {"properties", std::move(properties)},
        {"required", std::move(required)},
        {"additionalProperties", false},
        {"examples", json::array{resource.example.json()}}
    };
}

/// `_embedded` and `_links`, and `page` where it is paged.
json::object collection_schema(const ResourceDescription& resource, bool paged) {
    const json::object items{{"type", "array"}, {"items", reference(resource.schema)}};
    const json::object embedded{
        {"type", "object"},
        {"title", resource.schema + "Embedded"},
        {"properties", json::object{{resource.collection, items}}},
        {"required", json::array{json::value(resource.collection)}}
    };
    json::object properties{{"_embedded", embedded}, {"_links", reference("LinkMap")}};
    json::array required{"_embedded", "_links"};
    if (paged) {
        properties["page"] = reference("PageNumbers");
        required.push_back("page");
    }
    return {
        {"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}
    };
}

json::object strictly(json::object schema) {
    schema["additionalProperties"] = false;
    return schema;
}

json::object link_schema() {
    return strictly(
        {{"type", "object"},
         {"properties",
          json::object{
              {"href", text_schema().json()}, {"templated", json::object{{"type", "boolean"}}}
          }},
         {"required", json::array{"href"}}}
    );
}

json::object page_schema() {
    const json::value count = count_schema().json();
    const json::value size = integer_between(1, max_page_size).json();
    return strictly(
        {{"type", "object"},
         {"properties",
          json::object{
              {"size", size}, {"totalElements", count}, {"totalPages", count}, {"number", count}
          }},
         {"required", json::array{"size", "totalElements", "totalPages", "number"}}}
    );
}

json::object error_schema() {
    return strictly(
        {{"type", "object"},
         {"properties",
          json::object{
              {"timestamp",
               json::object{
                   {"type", "string"}, {"examples", json::array{"2020-09-10T05:07:44.652+0000"}}
               }},
              {"status", integer_between(400, 599).json()},
              {"error", text_schema().json()},
              {"message", text_schema().json()},
              {"path", text_schema().json()},
              {"errors", json::object{{"type", "array"}, {"items", reference("FieldError")}}}
          }},
         {"required", json::array{"timestamp", "status", "error", "message", "path"}}}
    );
}

json::object field_error_schema() {
    const Schema rejected = or_null(json::object{{"type", "string"}, {"maxLength", 100}});
    return strictly(
        {{"type", "object"},
         {"properties",
          json::object{
              {"field", text_schema().json()},
              {"message", text_schema().json()},
              {"rejectedValue", rejected.json()}
          }},
         {"required", json::array{"field", "message", "rejectedValue"}}}
    );
}

/// What is the same for all collections.
json::object common_schemas() {
    return {
        {"Link", link_schema()},
        {"LinkMap",
         json::object{
             {"type", "object"},
             {"properties", json::object{{"self", reference("Link")}}},
             {"additionalProperties", reference("Link")}
         }},
        {"Links",
         json::object{
             {"type", "object"},
             {"properties", json::object{{"_links", reference("LinkMap")}}},
             {"required", json::array{"_links"}}
         }},
        {"PageNumbers", page_schema()},
        {"Error", error_schema()},
        {"FieldError", field_error_schema()}
    };
}

}  // namespace

boost::json::object reference(std::string_view schema) {
    return schema_named(schema).json().as_object();
}

boost::json::object schemas_of(
    std::span<const Endpoint> endpoints, std::span<const ResourceDescription> resources
) {
    json::object schemas = common_schemas();
    for (const ResourceDescription& resource : resources) {
        schemas[resource.schema] = item_schema(resource);
        schemas[resource.schema + "Collection"] = collection_schema(resource, true);
    }
    for (const Endpoint& endpoint : endpoints) {
        if (const auto& body = endpoint.operation.body) {
            schemas[body->schema] = body_schema(*body);
        }
    }
    // A finder's list that is not paged: of those collections that have one.
    for (const ResourceDescription& resource : resources) {
        const std::string list = resource.schema + "List";
        const auto names_list = [schema = schema_named(list)](const Reply& reply) {
            return reply.schema == schema;
        };
        const bool used = std::ranges::any_of(endpoints, [&](const Endpoint& endpoint) {
            return std::ranges::any_of(endpoint.operation.replies, names_list);
        });
        if (used) {
            schemas[list] = collection_schema(resource, false);
        }
    }
    return schemas;
}

}  // namespace bookstore::kernel
