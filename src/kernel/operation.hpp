#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/router.hpp"
#include "kernel/fields.hpp"

// What an endpoint says of itself, beside how it is served: data, out of which the API's
// description (OpenAPI, ALPS) is made.

namespace bookstore::kernel {

/// A JSON value of the API's description: a JSON Schema, or an example. May be none.
class Schema {
  public:
    Schema() = default;
    Schema(const boost::json::object& value);
    Schema(const boost::json::array& value);
    Schema(const char* value);
    Schema(const std::string& value);
    Schema(int value);

    bool empty() const { return value_ == nullptr; }
    /// There must be one.
    const boost::json::value& json() const { return *value_; }
    friend bool operator==(const Schema& a, const Schema& b);

  private:
    std::shared_ptr<const boost::json::value> value_;  // its type is not known here
};

struct Parameter {
    enum class In { path, query, header };
    std::string name;
    In in = In::query;
    bool required = false;
    std::string description;
    Schema schema;
    Schema example{};
};

/// One answer that an operation gives. A status from 400 without a type has the contract's error
/// body.
struct Reply {
    int status = 200;
    std::string description{};
    std::string type{};  ///< the body's media type, "hal" for HAL's two; empty: no body
    Schema schema{};
    std::string example{};  ///< of the body, when it is not JSON
    std::vector<std::string> headers{};
};

/// What is sent: the very table that reads it.
struct RequestBody {
    std::string schema;  ///< what the schema is called
    std::vector<FieldSpec> fields;
    bool merge_patch = false;  ///< every field may be missing
    Schema example;            ///< a body
};

struct Operation {
    std::string tag;  ///< the collection, or "process"
    std::string id;   ///< unique: "placeOrder"
    std::string summary;
    std::string description{};
    std::vector<Parameter> parameters{};
    std::optional<RequestBody> body{};
    std::vector<Reply> replies{};
};

/// A route with its description.
struct Endpoint {
    http::Route route;
    Operation operation{};
};

/// What a collection's items are like.
struct ResourceDescription {
    std::string collection;  ///< "orders"
    std::string singular;    ///< "order"
    std::string schema;      ///< "Order"
    std::vector<FieldSpec> fields;
    std::vector<std::string> links;  ///< relations that an item may have beside self and singular
    Schema example;                  ///< an item
};

/// "order" -> "Order"
std::string capitalized(std::string_view word);
/// A part of an identifier: "payment_history", "payment-history" -> "PaymentHistory"
std::string joined_words(std::string_view words);

/// Adds it, or to the description of the one with that status.
void add_reply(Operation& operation, Reply reply);

/// An id in the query, required.
Parameter id_parameter(std::string name, std::string description);

/// The header Idempotency-Key, of what is done once a key.
Parameter idempotency_key_parameter(bool required, std::string description);

/// Adds what server and router answer by themselves, and the path's parameters.
void describe_server(Endpoint& endpoint);
/// Adds what an authentication answers, where the route needs a role.
void describe_roles(Endpoint& endpoint);
/// Adds what every route of a context may answer, and of one that `writes`: the Idempotency-Key.
void describe_context(Endpoint& endpoint, bool writes);

}  // namespace bookstore::kernel
