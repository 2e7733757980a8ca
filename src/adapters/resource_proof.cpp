#include "adapters/resource_proof.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <string>

namespace bookstore::adapters {
namespace {

namespace json = boost::json;

/// The text at that place of the body; empty where there is none.
std::string_view text_at(const json::value& body, std::string_view pointer) {
    boost::system::error_code none;
    const json::value* found = body.find_pointer(pointer, none);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

}  // namespace

bool is_proven(const http::ClientResponse& response, const ResourceName& name) {
    if (response.status != 200 && response.status != 404) {
        return false;
    }
    boost::system::error_code error;
    const json::value body = json::parse(response.body, error);
    if (error) {
        return false;
    }
    const std::string path = fmt::format("{}/{}", name.collection, name.id);
    if (response.status == 200) {
        return text_at(body, "/_links/self/href").ends_with(path);
    }
    return text_at(body, "/path").ends_with(path) &&
           text_at(body, "/message") == fmt::format("there is no {} {}", name.singular, name.id);
}

}  // namespace bookstore::adapters
