#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernel/hal.hpp"
#include "kernel/schema.hpp"

namespace bookstore::test {
namespace {

struct Part {
    std::string name;
    std::optional<json::Timestamp> ended_at;
};
BOOST_DESCRIBE_STRUCT(Part, (), (name, ended_at))

struct Whole {
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
        "required": ["count", "good", "lagSeconds", "parts", "byName", "_links"],
        "properties": {
            "count": {"type": "integer", "minimum": 0},
            "good": {"type": "boolean"},
            "lagSeconds": {"type": "number", "minimum": 0},
            "reason": {"type": "string"},
            "parts": {"type": "array", "items": {
                "type": "object",
                "required": ["name", "endedAt"],
                "properties": {
                    "name": {"type": "string"},
                    "endedAt": {"type": ["string", "null"], "format": "date-time"}
                }
            }},
            "byName": {
                "type": "object", "additionalProperties": {"type": "integer", "minimum": 0}
            },
            "_links": {"$ref": "#/components/schemas/LinkMap"}
        }
    })"))
    );
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
