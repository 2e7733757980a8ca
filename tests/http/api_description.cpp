#include "api_description.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "json_schema.hpp"

namespace bookstore::test {
namespace {

namespace json = boost::json;

Method method_of(std::string_view name) {
    static const std::map<std::string_view, Method> methods{
        {"get", Method::get},
        {"post", Method::post},
        {"put", Method::put},
        {"patch", Method::patch},
        {"delete", Method::del}
    };
    const auto method = methods.find(name);
    REQUIRE_MESSAGE(method != methods.end(), name);
    return method->second;
}

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
    return text;
}

std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_')) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
        }
    }
    return out;
}

const json::object* response_of(const DescribedOperation& operation, int status) {
    const auto* found =
        operation.described.at("responses").as_object().if_contains(std::to_string(status));
    return found == nullptr ? nullptr : &found->as_object();
}

/// "text/plain;charset=UTF-8" -> "text/plain"
std::string media_type(const std::string& content_type) {
    return content_type.substr(0, content_type.find(';'));
}

}  // namespace

// ---- operations

bool DescribedOperation::declares(int status) const {
    return response_of(*this, status) != nullptr;
}

int DescribedOperation::success() const {
    for (const auto& response : described.at("responses").as_object()) {
        if (response.key().starts_with('2')) {
            return std::stoi(std::string(response.key()));
        }
    }
    throw std::logic_error(id + " describes no success");
}

std::vector<std::string> DescribedOperation::types_of(int status) const {
    std::vector<std::string> types;
    const auto* response = response_of(*this, status);
    const auto* content = response == nullptr ? nullptr : response->if_contains("content");
    if (content != nullptr) {
        for (const auto& media : content->as_object()) {
            types.emplace_back(media.key());
        }
    }
    return types;
}

const DescribedParameter* DescribedOperation::parameter(std::string_view name) const {
    const auto found = std::ranges::find(parameters, name, &DescribedParameter::name);
    return found == parameters.end() ? nullptr : &*found;
}

const json::object* DescribedOperation::body() const {
    const auto* body = described.if_contains("requestBody");
    return body == nullptr ? nullptr
                           : &body->at("content").as_object().begin()->value().as_object();
}

std::string DescribedOperation::body_type() const {
    return std::string(described.at("requestBody").at("content").as_object().begin()->key());
}

// ---- calls

Call& Call::header(const std::string& name, const std::string& value) {
    headers[name] = value;
    return *this;
}

Call& Call::without(const std::string& name) {
    headers.erase(name);
    query.erase(name);
    return *this;
}

Call& Call::set(const DescribedParameter& parameter, const std::string& value) {
    if (parameter.in == "path") {
        in_path[parameter.name] = value;
    } else if (parameter.in == "query") {
        query.erase(parameter.name);
        query.emplace(parameter.name, value);
    } else {
        headers[parameter.name] = value;
    }
    return *this;
}

Call& Call::with_body(std::string json) {
    body = std::move(json);
    return *this;
}

std::string Call::target() const {
    std::string target = path;
    for (const auto& [name, value] : in_path) {
        const std::string pattern = "{" + name + "}";
        target.replace(target.find(pattern), pattern.size(), encoded(value));
    }
    char before = '?';
    for (const auto& [name, value] : query) {
        target += before + encoded(name) + "=" + encoded(value);
        before = '&';
    }
    return target;
}

Answer Call::send(Story& story) const {
    std::vector<http::Header> fields;
    for (const auto& [name, value] : headers) {
        fields.push_back({name, value});
    }
    return story.send(method, target(), body, std::move(fields));
}

// ---- the document

ApiDescription::ApiDescription(Story& story) {
    const auto answer = story.get("/openapi.json");
    REQUIRE(answer.status == 200);
    document_ = answer.json();
    for (const auto& path : document_.at("paths").as_object()) {
        for (const auto& method : path.value().as_object()) {
            read(std::string(path.key()), std::string(method.key()), method.value().as_object());
        }
    }
}

void ApiDescription::read(
    const std::string& path, const std::string& method, const json::object& of
) {
    DescribedOperation operation;
    operation.method = method_of(method);
    operation.path = path;
    operation.id = std::string(of.at("operationId").as_string());
    operation.described = of;
    if (const auto* parameters = of.if_contains("parameters")) {
        for (const auto& one : parameters->as_array()) {
            const auto& parameter = one.as_object();
            const auto* example = parameter.if_contains("example");
            operation.parameters.push_back(
                {.name = std::string(parameter.at("name").as_string()),
                 .in = std::string(parameter.at("in").as_string()),
                 .required = parameter.at("required").as_bool(),
                 .schema = parameter.at("schema"),
                 .example = example == nullptr ? std::nullopt : std::optional(*example)}
            );
        }
    }
    operations_.push_back(std::move(operation));
    paths_[path].insert(upper(method));
}

const DescribedOperation& ApiDescription::operation(std::string_view id) const {
    const auto found = std::ranges::find(operations_, id, &DescribedOperation::id);
    if (found == operations_.end()) {
        throw std::out_of_range(fmt::format("no operation {} is described", id));
    }
    return *found;
}

std::string ApiDescription::path_of(std::string_view path) const {
    if (paths_.contains(std::string(path))) {
        return std::string(path);
    }
    const auto fits = [path](const std::string& pattern) {
        const auto open = pattern.find('{');
        if (open == std::string::npos || !path.starts_with(pattern.substr(0, open))) {
            return false;
        }
        const auto rest = path.substr(open);
        const auto end = std::min(rest.find('/'), rest.size());
        return end > 0 && rest.substr(end) == pattern.substr(pattern.find('}') + 1);
    };
    for (const auto& [pattern, methods] : paths_) {
        if (fits(pattern)) {
            return pattern;
        }
    }
    return {};
}

Call ApiDescription::example_of(const DescribedOperation& operation) const {
    Call call;
    call.method = operation.method;
    call.path = operation.path;
    for (const DescribedParameter& parameter : operation.parameters) {
        if (!parameter.example) {
            continue;
        }
        if (const auto* list = parameter.example->if_array()) {
            for (const auto& one : *list) {
                call.query.emplace(parameter.name, text_of(one));
            }
        } else {
            call.set(parameter, text_of(*parameter.example));
        }
    }
    if (const auto* body = operation.body()) {
        call.header("Content-Type", operation.body_type());
        call.body = json::serialize(body->at("example"));
    }
    return call;
}

std::vector<std::string> ApiDescription::schema_faults_of(
    const json::value& schema, const json::value& value
) const {
    return schema_faults(document_, schema, value);
}

std::vector<std::string> ApiDescription::faults(
    const DescribedOperation& operation, const Answer& answer, bool head
) const {
    const auto* response = response_of(operation, answer.status);
    if (response == nullptr) {
        return {fmt::format("{} is not described: {}", answer.status, answer.body)};
    }
    std::vector<std::string> faults;
    if (const auto* headers = response->if_contains("headers")) {
        for (const auto& [name, header] : headers->as_object()) {
            const std::string text = answer.header(name);
            json::error_code error;
            json::value value = json::parse(text, error);
            value = error || !value.is_number() ? json::value(text) : value;
            if (text.empty() || !schema_faults_of(header.at("schema"), value).empty()) {
                faults.push_back(fmt::format("its {} is \"{}\"", std::string_view(name), text));
            }
        }
    }
    const std::string type = media_type(answer.header("Content-Type"));
    const auto* content = response->if_contains("content");
    if (content == nullptr || head) {
        if (!answer.body.empty()) {
            faults.push_back("it has a body: " + answer.body);
        }
    }
    if (content == nullptr) {
        return type.empty() ? faults : std::vector{"a body of type " + type + " is not described"};
    }
    const auto* media = content->as_object().if_contains(type);
    if (media == nullptr && type == "application/json") {
        // What is HAL may be asked for as plain JSON, as the description says in words.
        media = content->as_object().if_contains("application/hal+json");
    }
    if (media == nullptr) {
        faults.push_back(fmt::format("its type {} is not described", type));
    } else if (!head) {
        const json::value body = type.ends_with("json") ? answer.json() : json::value(answer.body);
        std::ranges::move(schema_faults_of(media->at("schema"), body), std::back_inserter(faults));
    }
    return faults;
}

std::set<std::string> names_in(const std::string& list) {
    std::set<std::string> names;
    std::istringstream in(list);
    for (std::string name; std::getline(in >> std::ws, name, ',');) {
        names.insert(name);
    }
    return names;
}

}  // namespace bookstore::test
