#include "operations/parked_resources.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "kernel/schema.hpp"

namespace bookstore::operations {

kernel::Schema Untrusted::schema() {
    return kernel::text_schema();
}

void append(std::string& out, const Untrusted& value) {
    json::append_untrusted(out, value.text);
}

kernel::Schema Payload::schema() {
    return boost::json::object{{"type", boost::json::array{"object", "string"}}};
}

void append(std::string& out, const Payload& payload) {
    boost::json::error_code error;
    const auto value = boost::json::parse(payload.text, error);
    if (!error && value.is_object()) {
        json::append(out, json::Raw{payload.text});
    } else {
        json::append_untrusted(out, payload.text);
    }
}

}  // namespace bookstore::operations
