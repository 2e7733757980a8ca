#include "kernel/schema.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace bookstore::kernel {

namespace json = boost::json;

json::array words_of(const FieldSpec& field) {
    json::array words;
    for (const std::string_view word : field.words) {
        words.push_back(json::value(word));
    }
    return words;
}

json::object shown_schema(const FieldSpec& field) {
    Schema schema;
    switch (field.kind) {
        case FieldKind::integer:
            schema = integer_schema(0);
            break;
        case FieldKind::money:
            schema = money_schema();
            break;
        case FieldKind::word:
            schema = json::object{{"type", "string"}, {"enum", words_of(field)}};
            break;
        case FieldKind::text:
            schema = text_schema();
            break;
    }
    return (field.required ? schema : or_null(schema)).json().as_object();
}

Schema::Schema(const json::object& value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(const json::array& value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(const char* value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(const std::string& value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(int value) : value_(std::make_shared<const json::value>(value)) {}

bool operator==(const Schema& a, const Schema& b) {
    return a.empty() || b.empty() ? a.empty() == b.empty() : a.json() == b.json();
}

Schema value_of(std::string_view json_text) {
    const json::value value = json::parse(json_text);
    return value.is_array() ? Schema(value.get_array()) : Schema(value.as_object());
}

Schema schema_named(std::string_view name) {
    return json::object{{"$ref", fmt::format("#/components/schemas/{}", name)}};
}

Schema text_schema(std::string_view pattern) {
    json::object schema{{"type", "string"}};
    if (!pattern.empty()) {
        schema["pattern"] = pattern;
    }
    return schema;
}

Schema words_schema(std::span<const std::string> words, std::string_view otherwise) {
    json::array allowed;
    for (const std::string& word : words) {
        allowed.push_back(json::value(word));
    }
    json::object schema{{"type", "string"}, {"enum", std::move(allowed)}};
    if (!otherwise.empty()) {
        schema["default"] = otherwise;
    }
    return schema;
}

Schema integer_schema(std::int64_t least) {
    return integer_between(least, max_integer);
}

Schema integer_schema(std::int64_t least, std::int64_t otherwise) {
    json::object schema = integer_schema(least).json().as_object();
    schema["default"] = otherwise;
    return schema;
}

Schema integer_between(std::int64_t least, std::int64_t most) {
    const bool small = std::in_range<std::int32_t>(least) && std::in_range<std::int32_t>(most);
    return json::object{
        {"type", "integer"},
        {"format", small ? "int32" : "int64"},
        {"minimum", least},
        {"maximum", most}
    };
}

Schema count_schema() {
    return json::object{{"type", "integer"}, {"format", "int64"}, {"minimum", 0}};
}

Schema number_schema() {
    return json::object{{"type", "number"}, {"format", "double"}, {"minimum", 0}};
}

Schema money_schema() {
    return json::object{
        {"type", "number"}, {"format", "double"}, {"minimum", 0}, {"maximum", 999999999999.99}
    };
}

Schema boolean_schema() {
    return json::object{{"type", "boolean"}};
}

Schema date_time_schema() {
    return json::object{{"type", "string"}, {"format", "date-time"}};
}

Schema or_null(const Schema& schema) {
    return json::object{{"anyOf", json::array{schema.json(), json::object{{"type", "null"}}}}};
}

Schema list_of(const Schema& element) {
    return json::object{{"type", "array"}, {"items", element.json()}};
}

Schema named_values(const Schema& value) {
    return json::object{{"type", "object"}, {"additionalProperties", value.json()}};
}

Schema object_schema(std::string_view name, const std::vector<MemberSchema>& members) {
    json::array required;
    json::object properties;
    for (const MemberSchema& member : members) {
        properties[member.name] = member.schema.json();
        if (member.required) {
            required.push_back(json::value(member.name));
        }
    }
    json::object schema{{"type", "object"}, {"title", name}};
    if (!required.empty()) {
        schema["required"] = std::move(required);
    }
    schema["properties"] = std::move(properties);
    return schema;
}

Schema object_with(std::string_view name, std::initializer_list<std::string_view> required) {
    json::array names;
    for (const std::string_view member : required) {
        names.push_back(json::value(member));
    }
    return json::object{
        {"type", "object"},
        {"title", name},
        {"required", std::move(names)},
        {"additionalProperties", true}
    };
}

void add_schema(std::string_view name, const json::value& schema, json::object& schemas) {
    const auto [known, fresh] = schemas.emplace(name, schema);
    if (!fresh && known->value() != schema) {
        throw std::logic_error(fmt::format("two schemas are called {}", name));
    }
}

void move_named_schemas(json::value& value, json::object& schemas) {
    if (auto* array = value.if_array()) {
        for (json::value& each : *array) {
            move_named_schemas(each, schemas);
        }
        return;
    }
    auto* object = value.if_object();
    if (object == nullptr) {
        return;
    }
    for (auto& member : *object) {
        // What an example holds is no schema, whatever it looks like.
        if (member.key() != "example" && member.key() != "examples") {
            move_named_schemas(member.value(), schemas);
        }
    }
    // A property called "title" would be an object here.
    const auto* title = object->if_contains("title");
    if (title == nullptr || !title->is_string()) {
        return;
    }
    const std::string name(title->get_string());
    object->erase("title");
    add_schema(name, value, schemas);
    value = schema_named(name).json();
}

}  // namespace bookstore::kernel
