#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernel/hal.hpp"
#include "kernel/schema.hpp"

namespace bookstore::test {
namespace {

struct Part {
    static constexpr std::string_view schema_name = "Part";
    std::string name;
    std::optional<json::Timestamp> ended_at;
};
BOOST_DESCRIBE_STRUCT(Part, (), (name, ended_at))

struct Whole {
    static constexpr std::string_view schema_name = "Whole";
    std::int64_t count = 0;
    bool good = false;
    json::Thousandths lag_seconds;
    json::Omittable<std::string> reason;
    std::vector<Part> parts;
    json::Named<std::int64_t> by_name;
    kernel::LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(Whole, (), (count, good, lag_seconds, reason, parts, by_name, _links))

}  // namespace

TEST_CASE("the schema of a resource follows from its description") {
    CHECK(
        boost::json::serialize(kernel::schema_of<Whole>().json()) ==
        boost::json::serialize(boost::json::parse(R"({
        "type": "object",
        "title": "Whole",
        "required": ["count", "good", "lagSeconds", "parts", "byName", "_links"],
        "properties": {
            "count": {"type": "integer", "format": "int64", "minimum": 0},
            "good": {"type": "boolean"},
            "lagSeconds": {"type": "number", "format": "double", "minimum": 0},
            "reason": {"type": "string"},
            "parts": {"type": "array", "items": {
                "type": "object",
                "title": "Part",
                "required": ["name", "endedAt"],
                "properties": {
                    "name": {"type": "string"},
                    "endedAt": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
                }
            }},
            "byName": {
                "type": "object",
                "additionalProperties": {"type": "integer", "format": "int64", "minimum": 0}
            },
            "_links": {"$ref": "#/components/schemas/LinkMap"}
        }
    })"))
    );
}

TEST_CASE("a schema with a name moves to the document's own, and a reference stays") {
    boost::json::value schema = kernel::schema_of<Whole>().json();
    boost::json::object own;
    kernel::move_named_schemas(schema, own);
    CHECK(schema == kernel::schema_named("Whole").json());
    REQUIRE(own.size() == 2);
    CHECK(
        own.at("Whole").at("properties").at("parts").at("items") ==
        kernel::schema_named("Part").json()
    );
    for (const auto& one : own) {
        CHECK_FALSE(one.value().as_object().contains("title"));
    }
    boost::json::value again = kernel::schema_of<Part>().json();
    CHECK_NOTHROW(kernel::move_named_schemas(again, own));
    boost::json::value other = kernel::object_with("Part", {"name"}).json();
    CHECK_THROWS_AS(kernel::move_named_schemas(other, own), std::logic_error);
}

TEST_CASE("a whole number says whether it may exceed 32 bits") {
    const auto format = [](std::int64_t least, std::int64_t most) {
        return kernel::integer_between(least, most).json().at("format").as_string();
    };
    CHECK(format(1, 2147483647) == "int32");
    CHECK(format(1, 2147483648) == "int64");
    CHECK(format(-2147483649, 0) == "int64");
}

TEST_CASE("links are written in the order in which they were added") {
    Whole whole;
    whole._links.add("self", "/a").add("find", "/a{?id}", true);
    CHECK(
        json::text_of(whole) ==
        R"({"count":0,"good":false,"lagSeconds":0.000,"parts":[],"byName":{},)"
        R"("_links":{"self":{"href":"/a"},"find":{"href":"/a{?id}","templated":true}}})"
    );
}

}  // namespace bookstore::test
