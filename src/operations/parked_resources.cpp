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
    // No union of types: those whose clients are generated would have to live with it.
    return boost::json::object{{"description", "the event's JSON object; as a text when it is none"}
    };
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
