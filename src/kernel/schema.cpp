#include "kernel/schema.hpp"

#include <fmt/format.h>

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

json::object reference(std::string_view schema) {
    return {{"$ref", fmt::format("#/components/schemas/{}", schema)}};
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
    Schema schema = integer_schema(least);
    schema.as_object()["default"] = otherwise;
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
