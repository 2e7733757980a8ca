#include "kernel/openapi.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "kernel/openapi_schemas.hpp"
#include "kernel/schema.hpp"

namespace bookstore::kernel {
namespace {

namespace json = boost::json;

constexpr auto security_scheme = "bearer";

std::string_view word_of(Parameter::In in) {
    switch (in) {
        case Parameter::In::path:
            return "path";
        case Parameter::In::query:
            return "query";
        case Parameter::In::header:
            return "header";
    }
    return "query";
}

json::object request_body(const RequestBody& body) {
    const json::object media{{"schema", reference(body.schema)}, {"example", body.example.json()}};
    json::object content{{"application/json", media}};
    if (body.merge_patch) {
        content["application/merge-patch+json"] = media;
    }
    return {{"required", true}, {"content", std::move(content)}};
}

json::array parameters_of(const Operation& operation) {
    json::array parameters;
    for (const Parameter& parameter : operation.parameters) {
        json::object described{
            {"name", parameter.name},
            {"in", word_of(parameter.in)},
            {"required", parameter.required},
            {"schema", parameter.schema.json()}
        };
        if (!parameter.description.empty()) {
            described["description"] = parameter.description;
        }
        if (!parameter.example.empty()) {
            described["example"] = parameter.example.json();
        }
        parameters.push_back(std::move(described));
    }
    return parameters;
}

json::object header_schema(std::string_view name) {
    if (name == "Retry-After" || name == "Log-Begin" || name == "Log-End") {
        return {{"schema", count_schema().json()}};
    }
    json::object schema{{"type", "string"}};
    if (name == "Location") {
        schema["format"] = "uri";
    }
    return {{"schema", std::move(schema)}};
}

json::object reply_object(const Reply& reply) {
    json::object described{{"description", reply.description}};
    if (!reply.headers.empty()) {
        json::object headers;
        for (const std::string& name : reply.headers) {
            headers[name] = header_schema(name);
        }
        described["headers"] = std::move(headers);
    }
    json::object content;
    if (reply.status >= 400 && reply.type.empty()) {
        content["application/json"] = json::object{{"schema", reference("Error")}};
    } else if (!reply.type.empty()) {
        json::object media{
            {"schema", reply.schema.empty() ? json::value(json::object()) : reply.schema.json()}
        };
        if (!reply.example.empty()) {
            media["example"] = reply.example;
        }
        // As application/json it is the same, which the introduction says: where an answer has two
        // types, generated clients compare them with the whole Content-Type.
        content[reply.type == "hal" ? "application/hal+json" : reply.type] = media;
    }
    if (!content.empty()) {
        described["content"] = std::move(content);
    }
    return described;
}

json::object replies_of(const Operation& operation) {
    std::vector<const Reply*> sorted;
    for (const Reply& reply : operation.replies) {
        sorted.push_back(&reply);
    }
    std::ranges::sort(sorted, {}, [](const Reply* reply) { return reply->status; });
    json::object replies;
    for (const Reply* reply : sorted) {
        replies[std::to_string(reply->status)] = reply_object(*reply);
    }
    replies["default"] = json::object{
        {"description", "any other refusal"},
        {"content", json::object{{"application/json", json::object{{"schema", reference("Error")}}}}
        }
    };
    return replies;
}

/// What of an operation is there where there is an authentication: who may, in both of the ways in
/// which readers look for it.
void add_security(json::object& described, const http::Audience& audience) {
    json::array roles;
    for (std::size_t i = 0; i < http::role_words.size(); ++i) {
        if (audience.roles().has(static_cast<http::Role>(i))) {
            roles.emplace_back(http::role_words[i]);
        }
    }
    // An empty list is what says that nobody needs a token.
    described["security"] =
        roles.empty() ? json::array() : json::array{json::object{{security_scheme, json::array()}}};
    described["x-roles"] = std::move(roles);
}

json::object operation_object(const Operation& operation) {
    json::object described{
        {"tags", json::array{json::value(operation.tag)}},
        {"operationId", operation.id},
        {"summary", operation.summary}
    };
    if (!operation.description.empty()) {
        described["description"] = operation.description;
    }
    if (!operation.parameters.empty()) {
        described["parameters"] = parameters_of(operation);
    }
    if (operation.body) {
        described["requestBody"] = request_body(*operation.body);
    }
    described["responses"] = replies_of(operation);
    return described;
}

json::object paths_of(std::span<const Endpoint> endpoints, bool guarded) {
    json::object paths;
    for (const Endpoint& endpoint : endpoints) {
        std::string method(http::name_of(endpoint.route.method));
        std::ranges::transform(method, method.begin(), [](char c) {
            return static_cast<char>(c - 'A' + 'a');
        });
        auto& path = paths.emplace(endpoint.route.pattern, json::object()).first->value();
        if (!guarded) {
            path.as_object()[method] = operation_object(endpoint.operation);
            continue;
        }
        Endpoint described = endpoint;
        describe_roles(described);
        json::object operation = operation_object(described.operation);
        add_security(operation, described.route.audience);
        path.as_object()[method] = std::move(operation);
    }
    return paths;
}

json::array tags_of(std::span<const Endpoint> endpoints) {
    json::array tags;
    for (const Endpoint& endpoint : endpoints) {
        const json::object tag{{"name", endpoint.operation.tag}};
        if (std::ranges::find(tags, json::value(tag)) == tags.end()) {
            tags.push_back(tag);
        }
    }
    return tags;
}

constexpr auto introduction =
    "An order-processing backend for an online bookshop, in HAL over HTTP; where Accept asks for "
    "application/json, the same is called that. A GET can be a HEAD, "
    "but for /makeZombie and /requestPayment, which do something. Every refusal has the same body, "
    "with all invalid fields at once. Numbers in bodies may come "
    "as JSON strings. A POST may carry an Idempotency-Key, an item has an ETag.";

}  // namespace

std::string openapi_document(
    std::string_view version,
    std::string_view roles_claim,
    std::span<const Endpoint> endpoints,
    std::span<const ResourceDescription> resources
) {
    const bool guarded = !roles_claim.empty();
    json::value paths = paths_of(endpoints, guarded);
    json::object schemas = schemas_of(endpoints, resources);
    json::object named;
    for (auto& schema : schemas) {
        move_named_schemas(schema.value(), named);
    }
    move_named_schemas(paths, named);
    for (auto& [name, schema] : named) {
        add_schema(name, schema, schemas);
    }
    json::object components{{"schemas", std::move(schemas)}};
    if (guarded) {
        components["securitySchemes"] = json::object{
            {security_scheme,
             json::object{
                 {"type", "http"},
                 {"scheme", "bearer"},
                 {"bearerFormat", "JWT"},
                 {"description", "a JSON Web Token with the roles that an operation names"},
                 {"x-roles-claim", roles_claim}
             }}
        };
    }
    const json::object document{
        {"openapi", "3.1.0"},
        {"info",
         json::object{{"title", "bookstore"}, {"version", version}, {"description", introduction}}},
        {"servers", json::array{json::object{{"url", "."}}}},
        {"tags", tags_of(endpoints)},
        {"paths", std::move(paths)},
        {"components", std::move(components)}
    };
    return json::serialize(document);
}

}  // namespace bookstore::kernel
