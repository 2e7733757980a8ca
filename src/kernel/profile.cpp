#include "kernel/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/json.hpp"
#include "kernel/conditional.hpp"
#include "kernel/hal.hpp"
#include "kernel/schema.hpp"

namespace bookstore::kernel {
namespace {

std::string type_of(const http::Request& request) {
    if (request.prefers_schema) {
        return "application/schema+json";
    }
    return request.prefers_json ? "application/json;charset=UTF-8"
                                : "application/alps+json;charset=UTF-8";
}

std::string_view kind_of(const FieldSpec& field) {
    switch (field.kind) {
        case FieldKind::integer:
            return "a whole number";
        case FieldKind::money:
            return "an amount, with at most 2 fraction digits";
        case FieldKind::text:
            return "a text";
        case FieldKind::word:
            break;
    }
    return "one of";
}

std::string doc_of(const FieldSpec& field) {
    std::string doc(kind_of(field));
    if (!field.words.empty()) {
        doc += fmt::format(" {}", fmt::join(field.words, ", "));
    }
    if (!field.required) {
        doc += "; may be null";
    }
    return doc;
}

/// What ALPS calls what a method does.
std::string_view transition_of(http::Method method) {
    switch (method) {
        case http::Method::put:
        case http::Method::del:
            return "idempotent";
        case http::Method::post:
        case http::Method::patch:
            return "unsafe";
        default:
            return "safe";
    }
}

boost::json::object semantic(const ResourceDescription& resource) {
    boost::json::array fields;
    for (const FieldSpec& field : resource.fields) {
        fields.push_back(boost::json::object{
            {"id", field.name},
            {"type", "semantic"},
            {"doc", boost::json::object{{"value", doc_of(field)}}}
        });
    }
    return {{"id", resource.singular}, {"type", "semantic"}, {"descriptor", std::move(fields)}};
}

boost::json::object transition(const Endpoint& endpoint, const ResourceDescription& resource) {
    boost::json::array takes;
    for (const Parameter& parameter : endpoint.operation.parameters) {
        if (parameter.in == Parameter::In::query) {
            takes.push_back(boost::json::object{{"name", parameter.name}, {"type", "semantic"}});
        }
    }
    if (endpoint.operation.body) {
        for (const FieldSpec& field : endpoint.operation.body->fields) {
            takes.push_back(boost::json::object{{"href", "#" + field.name}});
        }
    }
    boost::json::object descriptor{
        {"id", endpoint.operation.id},
        {"type", transition_of(endpoint.route.method)},
        {"rt", "#" + resource.singular},
        {"doc", boost::json::object{{"value", endpoint.operation.summary}}}
    };
    if (!takes.empty()) {
        descriptor["descriptor"] = std::move(takes);
    }
    return descriptor;
}

std::string document_of(std::span<const Endpoint> endpoints, const ResourceDescription& resource) {
    boost::json::array descriptors{semantic(resource)};
    for (const Endpoint& endpoint : endpoints) {
        if (endpoint.operation.tag == resource.collection) {
            descriptors.push_back(transition(endpoint, resource));
        }
    }
    return boost::json::serialize(boost::json::object{
        {"alps", boost::json::object{{"version", "1.0"}, {"descriptor", std::move(descriptors)}}}
    });
}

/// Whether some body that the collection's operations take has that field.
bool is_written(
    std::span<const Endpoint> endpoints, const ResourceDescription& resource, std::string_view field
) {
    return std::ranges::any_of(endpoints, [&](const Endpoint& endpoint) {
        const auto& body = endpoint.operation.body;
        return endpoint.operation.tag == resource.collection && body &&
               std::ranges::find(body->fields, field, &FieldSpec::name) != body->fields.end();
    });
}

/// A JSON Schema (2020-12) of an item's fields. What no body sets is readOnly.
std::string schema_document_of(
    std::span<const Endpoint> endpoints, const ResourceDescription& resource
) {
    boost::json::object properties;
    boost::json::array required;
    for (const FieldSpec& field : resource.fields) {
        boost::json::object schema = shown_schema(field);
        schema["description"] = doc_of(field);
        if (!is_written(endpoints, resource, field.name)) {
            schema["readOnly"] = true;
        }
        properties[field.name] = std::move(schema);
        if (field.required) {
            required.push_back(boost::json::value(field.name));
        }
    }
    return boost::json::serialize(boost::json::object{
        {"$schema", "https://json-schema.org/draft/2020-12/schema"},
        {"title", resource.schema},
        {"type", "object"},
        {"properties", std::move(properties)},
        {"required", std::move(required)}
    });
}

/// A document that never changes, as one of its media types.
struct Representation {
    explicit Representation(std::string text) : body(std::move(text)) {
        EntityTag entity;
        entity.add(body);
        tag = entity.text();
    }
    std::string body;
    std::string tag;
};

http::Response shown(const http::Request& request, const Representation& document) {
    http::Response response;
    const std::string tag =
        request.prefers_schema ? document.tag : shown_tag(request, document.tag);
    response.headers.push_back({"ETag", tag});
    if (client_has(request, tag)) {
        response.status = 304;
        return response;
    }
    response.content_type = type_of(request);
    response.body = document.body;
    return response;
}

Endpoint alps_endpoint(std::string path, std::string id, std::string summary) {
    Endpoint endpoint{.route = {.audience = http::Audience::everybody}};
    endpoint.route.pattern = std::move(path);
    endpoint.route.produces = http::Produces::alps;
    endpoint.operation = {
        .tag = "process",
        .id = std::move(id),
        .summary = std::move(summary),
        .replies =
            {{.status = 200,
              .description = "an ALPS document",
              .type = "application/alps+json",
              .schema = object_with("AlpsDocument", {"alps"})}}
    };
    return endpoint;
}

struct Descriptor {
    std::string id;
    std::string href;
};
BOOST_DESCRIBE_STRUCT(Descriptor, (), (id, href))

struct Alps {
    std::string version = "1.0";
    std::vector<Descriptor> descriptor;
};
BOOST_DESCRIBE_STRUCT(Alps, (), (version, descriptor))

struct Index {
    Alps alps;
    LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(Index, (), (alps, _links))

/// Every profile: by ALPS's own href, and by a HAL link for those who follow these.
http::Response index_of(const http::Request& request, const std::vector<std::string>& collections) {
    http::Response response;
    response.content_type = type_of(request);
    const auto href_of = [&](const std::string& collection) {
        return fmt::format("{}/profile/{}", request.base_url(), collection);
    };
    Index index;
    for (const std::string& collection : collections) {
        index.alps.descriptor.push_back({collection, href_of(collection)});
        index._links.add(collection, href_of(collection));
    }
    index._links.add("self", request.base_url() + "/profile");
    json::append(response.body, index);
    return response;
}

}  // namespace

std::vector<Endpoint> profile_endpoints(
    std::span<const Endpoint> endpoints,
    std::span<const ResourceDescription> resources,
    const std::vector<std::string>& collections
) {
    std::vector<Endpoint> profiles;
    for (const ResourceDescription& resource : resources) {
        Endpoint profile = alps_endpoint(
            "/profile/" + resource.collection,
            "profileOf" + capitalized(resource.collection),
            fmt::format("What the {} mean", resource.collection)
        );
        profile.route.produces = http::Produces::profile;
        profile.operation.replies.front().description =
            "an ALPS document, or a JSON Schema where Accept prefers application/schema+json";
        profile.route.handler = [alps = Representation(document_of(endpoints, resource)),
                                 schema = Representation(schema_document_of(endpoints, resource))](
                                    const http::Request& request, const http::Done& done
                                ) { done(shown(request, request.prefers_schema ? schema : alps)); };
        profiles.push_back(std::move(profile));
    }
    Endpoint all = alps_endpoint("/profile", "profile", "The profiles of all collections");
    all.route.handler = [collections](const http::Request& request, const http::Done& done) {
        done(index_of(request, collections));
    };
    profiles.push_back(std::move(all));
    return profiles;
}

}  // namespace bookstore::kernel
