#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <functional>
#include <limits>
#include <regex>

#include "api_description.hpp"

// What generators of clients ask of /openapi.json, beyond that it is true: scripts/clients
// generates with some of them, but has to fetch them; these are the rules that they stand or fall
// by.

using namespace bookstore::test;

namespace {

namespace json = boost::json;

/// Every schema of the document, and where it stands: "Order/orderId", "placeOrder 201".
class Schemas {
  public:
    using Visit = std::function<void(const json::object& schema, const std::string& where)>;

    static void visit(const ApiDescription& api, const Visit& visit) {
        const Schemas walk(visit);
        for (const auto& own : api.document().at("components").at("schemas").as_object()) {
            walk.below(own.value(), std::string(own.key()));
        }
        for (const DescribedOperation& operation : api.operations()) {
            walk.operation(operation);
        }
    }

  private:
    explicit Schemas(const Visit& visit) : visit_(visit) {}

    void operation(const DescribedOperation& operation) const {
        for (const DescribedParameter& parameter : operation.parameters) {
            below(parameter.schema, operation.id + "?" + parameter.name);
        }
        if (operation.body() != nullptr) {
            content(operation.described.at("requestBody"), operation.id + " body");
        }
        for (const auto& [status, reply] : operation.described.at("responses").as_object()) {
            const std::string where = fmt::format("{} {}", operation.id, std::string_view(status));
            content(reply, where);
            if (const auto* headers = reply.as_object().if_contains("headers")) {
                for (const auto& header : headers->as_object()) {
                    below(header.value().at("schema"), where + " header");
                }
            }
        }
    }
    void content(const json::value& of, const std::string& where) const {
        if (const auto* content = of.as_object().if_contains("content")) {
            for (const auto& media : content->as_object()) {
                below(media.value().at("schema"), where);
            }
        }
    }
    void below(const json::value& value, const std::string& where) const {
        const auto* schema = value.if_object();
        if (schema == nullptr) {
            return;
        }
        visit_(*schema, where);
        for (const auto& [keyword, rule] : *schema) {
            const std::string name = fmt::format("{}/{}", where, std::string_view(keyword));
            if (keyword == "properties") {
                for (const auto& member : rule.as_object()) {
                    below(
                        member.value(), fmt::format("{}/{}", where, std::string_view(member.key()))
                    );
                }
            } else if (keyword == "items" || keyword == "additionalProperties") {
                below(rule, name);
            } else if (keyword == "anyOf" || keyword == "oneOf" || keyword == "allOf") {
                for (const auto& each : rule.as_array()) {
                    below(each, name);
                }
            }
        }
    }

    const Visit& visit_;
};

/// Where a schema is not as `good` says.
std::vector<std::string> exceptions(
    const ApiDescription& api,
    const std::function<bool(const json::object& schema, const std::string& where)>& good
) {
    std::vector<std::string> wrong;
    Schemas::visit(api, [&](const json::object& schema, const std::string& where) {
        if (!good(schema, where)) {
            wrong.push_back(where + ": " + json::serialize(schema));
        }
    });
    return wrong;
}

const json::value* member(const json::object& schema, std::string_view name) {
    return schema.if_contains(name);
}

bool is(const json::object& schema, std::string_view keyword, std::string_view word) {
    const auto* value = member(schema, keyword);
    return value != nullptr && value->is_string() && value->get_string() == word;
}

bool fits_32_bits(const json::object& schema) {
    using Limits = std::numeric_limits<std::int32_t>;
    const auto* least = member(schema, "minimum");
    const auto* most = member(schema, "maximum");
    return least != nullptr && most != nullptr &&
           least->to_number<std::int64_t>() >= Limits::min() &&
           most->to_number<std::int64_t>() <= Limits::max();
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

/// It fits the pattern, and is none of the others, also for languages that do not tell case.
void check_name(std::set<std::string>& names, const std::string& name, const std::regex& pattern) {
    CAPTURE(name);
    CHECK(std::regex_match(name, pattern));
    CHECK(names.insert(lower(name)).second);
}

}  // namespace

TEST_CASE("openapi for generators: a type is one word, and what may be null says so beside it") {
    Story story;
    const ApiDescription api(story);
    int nullable = 0;
    const auto wrong = exceptions(api, [&](const json::object& schema, const std::string&) {
        if (const auto* type = member(schema, "type"); type != nullptr && !type->is_string()) {
            return false;
        }
        if (member(schema, "oneOf") != nullptr || member(schema, "allOf") != nullptr) {
            return false;
        }
        const auto* any = member(schema, "anyOf");
        if (any == nullptr) {
            return true;
        }
        const auto& branches = any->as_array();
        const bool or_null = branches.size() == 2 && is(branches[1].as_object(), "type", "null") &&
                             !is(branches[0].as_object(), "type", "null");
        nullable += or_null ? 1 : 0;
        return or_null;
    });
    CHECK(fmt::format("{}", fmt::join(wrong, "\n")) == "");
    CHECK(nullable > 10);
}

TEST_CASE("openapi for generators: a number says how large it may be") {
    Story story;
    const ApiDescription api(story);
    int large = 0;
    const auto wrong = exceptions(api, [&](const json::object& schema, const std::string&) {
        if (is(schema, "type", "number")) {
            return is(schema, "format", "double");
        }
        if (!is(schema, "type", "integer")) {
            return true;
        }
        large += is(schema, "format", "int64") ? 1 : 0;
        return is(schema, "format", fits_32_bits(schema) ? "int32" : "int64");
    });
    CHECK(fmt::format("{}", fmt::join(wrong, "\n")) == "");
    CHECK(large > 77);
}

TEST_CASE("openapi for generators: every object has a name, but for maps from any name") {
    Story story;
    const ApiDescription api(story);
    const auto wrong = exceptions(api, [](const json::object& schema, const std::string& where) {
        const bool own = where.find_first_of("/ ?") == std::string::npos;
        const bool shaped = member(schema, "properties") != nullptr ||
                            (is(schema, "type", "object") &&
                             (member(schema, "additionalProperties") == nullptr ||
                              !member(schema, "additionalProperties")->is_object()));
        return own || !shaped;
    });
    CHECK(fmt::format("{}", fmt::join(wrong, "\n")) == "");
}

TEST_CASE("openapi for generators: a body that is answered or sent has a schema") {
    Story story;
    const ApiDescription api(story);
    const auto wrong = exceptions(api, [](const json::object& schema, const std::string&) {
        return !schema.empty() && !(is(schema, "type", "array") && !member(schema, "items"));
    });
    CHECK(fmt::format("{}", fmt::join(wrong, "\n")) == "");
}

TEST_CASE("openapi for generators: operations and schemas have names that are identifiers") {
    Story story;
    const ApiDescription api(story);
    std::set<std::string> ids;
    for (const DescribedOperation& operation : api.operations()) {
        check_name(ids, operation.id, std::regex("[a-z][A-Za-z0-9]*"));
        std::set<std::string> parameters;
        for (const DescribedParameter& parameter : operation.parameters) {
            check_name(parameters, parameter.name, std::regex("[A-Za-z][A-Za-z0-9-]*"));
        }
    }
    std::set<std::string> schemas;
    for (const auto& own : api.document().at("components").at("schemas").as_object()) {
        check_name(schemas, std::string(own.key()), std::regex("[A-Z][A-Za-z0-9]*"));
    }
}

/// Where an answer has several types of JSON, oapi-codegen compares each with the whole
/// Content-Type, which has a charset: none would be it.
TEST_CASE("openapi for generators: an answer has one type of JSON") {
    Story story;
    const ApiDescription api(story);
    for (const DescribedOperation& operation : api.operations()) {
        CAPTURE(operation.id);
        for (const auto& reply : operation.described.at("responses").as_object()) {
            const auto* content = reply.value().as_object().if_contains("content");
            const auto is_json = [](const auto& media) { return media.key().ends_with("json"); };
            CHECK((!content || std::ranges::count_if(content->as_object(), is_json) <= 1));
        }
    }
}

TEST_CASE("openapi for generators: a choice of words is one of texts") {
    Story story;
    const ApiDescription api(story);
    const auto wrong = exceptions(api, [](const json::object& schema, const std::string&) {
        const auto* words = member(schema, "enum");
        return words == nullptr || (is(schema, "type", "string") && !words->as_array().empty() &&
                                    std::ranges::all_of(words->as_array(), [](const auto& word) {
                                        return word.is_string();
                                    }));
    });
    CHECK(fmt::format("{}", fmt::join(wrong, "\n")) == "");
}
