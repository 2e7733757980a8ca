#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "story.hpp"

namespace bookstore::test {

/// A parameter of an operation, as /openapi.json describes it.
struct DescribedParameter {
    std::string name;
    std::string in;  ///< "path", "query" or "header"
    bool required = false;
    boost::json::value schema;
    std::optional<boost::json::value> example;
};

/// An operation, as /openapi.json describes it.
struct DescribedOperation {
    Method method = Method::get;
    std::string path;  ///< "/orders/{id}"
    std::string id;
    std::vector<DescribedParameter> parameters;
    boost::json::object described;

    bool declares(int status) const;
    /// The one that it answers when all is well.
    int success() const;
    /// The media types that an answer of that status may have.
    std::vector<std::string> types_of(int status) const;
    const DescribedParameter* parameter(std::string_view name) const;
    /// The media type of its body's first content, and that content; null when it has no body.
    const boost::json::object* body() const;
    std::string body_type() const;
};

/// A request to an operation, its parameters apart so that a test can change one.
struct Call {
    Method method = Method::get;
    std::string path;  ///< with {id}
    std::map<std::string, std::string> in_path;
    std::multimap<std::string, std::string> query;
    std::map<std::string, std::string> headers;
    std::string body;

    Call& header(const std::string& name, const std::string& value);
    Call& without(const std::string& name);
    /// Sets it, wherever that operation has it.
    Call& set(const DescribedParameter& parameter, const std::string& value);
    Call& with_body(std::string json);

    /// The path and query, percent-encoded.
    std::string target() const;
    Answer send(Story& story) const;
};

/// What the running server says of itself.
class ApiDescription {
  public:
    explicit ApiDescription(Story& story);

    const boost::json::value& document() const { return document_; }
    const std::vector<DescribedOperation>& operations() const { return operations_; }
    const DescribedOperation& operation(std::string_view id) const;
    /// A described path, and the methods described for it.
    const std::map<std::string, std::set<std::string>>& paths() const { return paths_; }
    /// The described path that this one fits; empty when there is none.
    std::string path_of(std::string_view path) const;

    /// The described example: every parameter that has one, and the body's.
    Call example_of(const DescribedOperation& operation) const;
    /// What is wrong with an answer by the description: its status, media type, body, headers.
    std::vector<std::string> faults(
        const DescribedOperation& operation, const Answer& answer, bool head = false
    ) const;
    std::vector<std::string> schema_faults_of(
        const boost::json::value& schema, const boost::json::value& value
    ) const;

  private:
    void read(const std::string& path, const std::string& method, const boost::json::object& of);

    boost::json::value document_;
    std::vector<DescribedOperation> operations_;
    std::map<std::string, std::set<std::string>> paths_;
};

/// "GET, HEAD" -> {"GET", "HEAD"}
std::set<std::string> names_in(const std::string& list);

}  // namespace bookstore::test
