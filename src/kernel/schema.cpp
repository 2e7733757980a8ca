#include "kernel/schema.hpp"

#include <fmt/format.h>

#include <boost/json/value.hpp>

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
    json::object schema;
    std::string_view type = "string";
    switch (field.kind) {
        case FieldKind::integer:
            type = "integer";
            schema["minimum"] = 0;
            schema["maximum"] = max_integer;
            break;
        case FieldKind::money:
            type = "number";
            schema["minimum"] = 0;
            schema["maximum"] = 999999999999.99;
            break;
        case FieldKind::word:
            schema["enum"] = words_of(field);
            break;
        case FieldKind::text:
            break;
    }
    if (field.required) {
        schema["type"] = type;
    } else {
        schema["type"] = json::array{json::value(type), "null"};
    }
    return schema;
}

Schema::Schema(const json::object& value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(const json::array& value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(const char* value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(const std::string& value) : value_(std::make_shared<const json::value>(value)) {}
Schema::Schema(int value) : value_(std::make_shared<const json::value>(value)) {}

bool operator==(const Schema& a, const Schema& b) {
    return a.empty() || b.empty() ? a.empty() == b.empty() : a.json() == b.json();
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
    return json::object{{"type", "integer"}, {"minimum", least}, {"maximum", max_integer}};
}

Schema integer_schema(std::int64_t least, std::int64_t otherwise) {
    json::object schema = integer_schema(least).json().as_object();
    schema["default"] = otherwise;
    return schema;
}

Schema count_schema() {
    return json::object{{"type", "integer"}, {"minimum", 0}};
}

Schema number_schema() {
    return json::object{{"type", "number"}, {"minimum", 0}};
}

Schema boolean_schema() {
    return json::object{{"type", "boolean"}};
}

Schema date_time_schema() {
    return json::object{{"type", "string"}, {"format", "date-time"}};
}

Schema or_null(const Schema& schema) {
    json::object nullable = schema.json().as_object();
    json::value& type = nullable.at("type");
    type = json::array{type, "null"};
    return nullable;
}

Schema list_of(const Schema& element) {
    return json::object{{"type", "array"}, {"items", element.json()}};
}

Schema named_values(const Schema& value) {
    return json::object{{"type", "object"}, {"additionalProperties", value.json()}};
}

Schema object_schema(const std::vector<MemberSchema>& members) {
    json::array required;
    json::object properties;
    for (const MemberSchema& member : members) {
        properties[member.name] = member.schema.json();
        if (member.required) {
            required.push_back(json::value(member.name));
        }
    }
    json::object schema{{"type", "object"}};
    if (!required.empty()) {
        schema["required"] = std::move(required);
    }
    schema["properties"] = std::move(properties);
    return schema;
}

Schema object_with(std::initializer_list<std::string_view> required) {
    json::array names;
    for (const std::string_view name : required) {
        names.push_back(json::value(name));
    }
    return json::object{{"type", "object"}, {"required", std::move(names)}};
}

}  // namespace bookstore::kernel
