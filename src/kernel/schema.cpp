#include "kernel/schema.hpp"

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

}  // namespace bookstore::kernel
