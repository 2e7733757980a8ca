#include "kernel/operation.hpp"

#include <algorithm>
#include <boost/json/value.hpp>

#include "kernel/schema.hpp"

namespace bookstore::kernel {
namespace {

/// What an id in a path or a query is.
Schema id_schema() {
    return integer_schema(1);
}

void add_path_parameters(Endpoint& endpoint) {
    const std::string_view pattern = endpoint.route.pattern;
    for (std::size_t open = pattern.find('{'); open != std::string_view::npos;
         open = pattern.find('{', open + 1)) {
        const std::size_t close = pattern.find('}', open);
        const std::string name(pattern.substr(open + 1, close - open - 1));
        const auto declared = [&name](const Parameter& parameter) {
            return parameter.in == Parameter::In::path && parameter.name == name;
        };
        if (std::ranges::none_of(endpoint.operation.parameters, declared)) {
            endpoint.operation.parameters.push_back(
                {.name = name,
                 .in = Parameter::In::path,
                 .required = true,
                 .description = "a whole number from 1",
                 .schema = id_schema(),
                 .example = 1}
            );
        }
    }
}

}  // namespace

std::string capitalized(std::string_view word) {
    std::string text(word);
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    }
    return text;
}

std::string joined_words(std::string_view words) {
    std::string text;
    while (!words.empty()) {
        const std::size_t end = std::min(words.find_first_of("-_"), words.size());
        text += capitalized(words.substr(0, end));
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return text;
}

void add_reply(Operation& operation, Reply reply) {
    const auto same = std::ranges::find(operation.replies, reply.status, &Reply::status);
    if (same == operation.replies.end()) {
        operation.replies.push_back(std::move(reply));
    } else {
        same->description += "; or " + reply.description;
        std::ranges::move(reply.headers, std::back_inserter(same->headers));
    }
}

Parameter id_parameter(std::string name, std::string description) {
    return {
        .name = std::move(name),
        .in = Parameter::In::query,
        .required = true,
        .description = std::move(description),
        .schema = id_schema(),
        .example = 1
    };
}

Parameter idempotency_key_parameter(bool required, std::string description) {
    return {
        .name = "Idempotency-Key",
        .in = Parameter::In::header,
        .required = required,
        .description = std::move(description),
        .schema =
            boost::json::object{
                {"type", "string"}, {"minLength", 1}, {"maxLength", 255}, {"pattern", "^[ -~]+$"}
            },
        // Only where there must be one: whoever tries out examples would repeat a request else.
        .example = required ? Schema("0d5e3ad4-8a2c-4c51-9d0b-5a3f1d0c7e21") : Schema()
    };
}

void describe_server(Endpoint& endpoint) {
    add_path_parameters(endpoint);
    Operation& operation = endpoint.operation;
    if (!operation.parameters.empty() || operation.body) {
        add_reply(operation, {.status = 400, .description = "what was sent is malformed"});
    }
    const http::Produces produces = endpoint.route.produces;
    if (produces != http::Produces::nothing) {
        add_reply(operation, {.status = 406, .description = "Accept takes none of the answers"});
    }
    if (endpoint.route.consumes != http::Consumes::nothing) {
        add_reply(operation, {.status = 413, .description = "the body is too large"});
        add_reply(operation, {.status = 415, .description = "the body is not said to be JSON"});
    }
}

void describe_roles(Endpoint& endpoint) {
    const http::Roles roles = endpoint.route.audience.roles();
    if (roles.empty()) {
        return;
    }
    Operation& operation = endpoint.operation;
    const std::string sentence = "Needs the role " + http::listed(roles, " or ") + ".";
    operation.description += (operation.description.empty() ? "" : " ") + sentence;
    if (roles.size() > 1 && roles.has(http::Role::customer)) {
        operation.description += " Who is a customer alone sees what is his.";
    }
    add_reply(
        operation,
        {.status = 401,
         .description = "there is no token, or it is not taken",
         .headers = {"WWW-Authenticate"}}
    );
    add_reply(operation, {.status = 403, .description = "the token lacks the role"});
}

void describe_context(Endpoint& endpoint, bool writes) {
    Operation& operation = endpoint.operation;
    add_reply(
        operation,
        {.status = 503,
         .description = writes ? "the context is stopped, is starting, or cannot write now"
                               : "the context is stopped, or cannot read now",
         .headers = {"Retry-After"}}
    );
    if (!writes) {
        return;
    }
    add_reply(operation, {.status = 507, .description = "the disk is full; nothing was changed"});
    if (endpoint.route.method == http::Method::post) {
        operation.parameters.push_back(idempotency_key_parameter(
            false,
            "a new one, a UUID for example, for every new request: a repeated request with the "
            "same key gets the first answer again, and its work is done once"
        ));
        add_reply(operation, {.status = 400, .description = "this is not one Idempotency-Key"});
        add_reply(
            operation,
            {.status = 409, .description = "the first request with this Idempotency-Key is running"}
        );
        add_reply(
            operation,
            {.status = 422, .description = "this Idempotency-Key was used with another body"}
        );
    }
}

}  // namespace bookstore::kernel
