#include "kernel/asyncapi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "kernel/schema.hpp"

// AsyncAPI 3.0.0, https://www.asyncapi.com/docs/reference/specification/v3.0.0; of a message's key,
// the Kafka binding 0.5.0.

namespace bookstore::kernel {
namespace {

namespace json = boost::json;

constexpr auto introduction =
    "What the contexts of the bookstore tell each other. The channel is one log with one total "
    "order; events of one key are handled in that order. An event is a JSON object of exactly "
    "these "
    "fields, in this order.";

/// What every event has around its own fields.
json::object payload_schema(const PublishedEvent& event) {
    json::object properties{
        {"eventType", json::object{{"type", "string"}, {"const", event.type}}},
        {"timestamp",
         json::object{
             {"type", "string"}, {"pattern", "^[0-9]{14}$"}, {"description", "yyyyMMddHHmmss, UTC"}
         }}
    };
    json::array required{"eventType", "timestamp"};
    for (const FieldSpec& field : event.fields) {
        properties[field.name] = shown_schema(field);
        required.push_back(json::value(field.name));
    }
    properties["me"] = json::object{{"type", "boolean"}, {"const", true}};
    required.push_back("me");
    return {
        {"type", "object"},
        {"properties", std::move(properties)},
        {"required", std::move(required)},
        {"additionalProperties", false}
    };
}

bool receives(const bus::Types& types, std::string_view type) {
    return std::ranges::find(types, type) != types.end();
}

/// What a board does after events of that type, a sentence each.
std::vector<std::string> reactions_of(const Board& board, std::string_view type) {
    std::vector<std::string> sentences;
    for (const PolicyDescription& policy : board.policies) {
        if (receives(policy.whenever, type)) {
            sentences.push_back(policy.sentence);
        }
    }
    for (const ReadModelDescription& model : board.read_models) {
        if (receives(model.whenever, type)) {
            sentences.push_back("follow it in the read model " + model.name);
        }
    }
    return sentences;
}

json::object message_of(
    const PublishedEvent& event, const Board& sender, std::span<const Board> boards
) {
    json::array receivers;
    std::string description = fmt::format("Sent by {}.", sender.context);
    for (const Board& board : boards) {
        const auto reactions = reactions_of(board, event.type);
        if (!reactions.empty()) {
            receivers.push_back(json::value(board.context));
            description += fmt::format(
                " Whenever it comes, {}: {}.", board.context, fmt::join(reactions, "; ")
            );
        }
    }
    const json::object key{
        {"type", "string"},
        {"pattern", fmt::format("^{}-[1-9][0-9]*$", event.key_kind)},
        {"examples", json::array{json::value(event.key_kind + "-1")}}
    };
    return {
        {"name", event.type},
        {"title", event.type},
        {"summary", fmt::format("About one {}", event.key_kind)},
        {"description", std::move(description)},
        {"contentType", "application/json"},
        {"payload", payload_schema(event)},
        {"bindings",
         json::object{{"kafka", json::object{{"key", key}, {"bindingVersion", "0.5.0"}}}}},
        {"examples",
         json::array{json::object{{"name", event.type}, {"payload", json::parse(event.example)}}}},
        {"x-key", fmt::format("{0}-{{{0}Id}}", event.key_kind)},
        {"x-senders", json::array{json::value(sender.context)}},
        {"x-receivers", std::move(receivers)}
    };
}

json::object reference(std::string path) {
    return {{"$ref", std::move(path)}};
}

/// null: there is nothing of that kind.
json::value operation_of(
    std::string_view channel, const Board& board, std::string_view action, const bus::Types& types
) {
    if (types.empty()) {
        return nullptr;
    }
    json::array messages;
    for (const std::string& type : types) {
        messages.push_back(reference(fmt::format("#/channels/{}/messages/{}", channel, type)));
    }
    return json::object{
        {"action", action},
        {"channel", reference(fmt::format("#/channels/{}", channel))},
        {"title", fmt::format("What {} {}s", board.context, action)},
        {"tags", json::array{json::object{{"name", board.context}}}},
        {"messages", std::move(messages)}
    };
}

bus::Types received_by(const Board& board, std::span<const Board> boards) {
    bus::Types types;
    for (const Board& sender : boards) {
        for (const PublishedEvent& event : sender.publishes) {
            if (!reactions_of(board, event.type).empty()) {
                types.push_back(event.type);
            }
        }
    }
    return types;
}

}  // namespace

std::string asyncapi_document(
    std::string_view version, std::string_view channel, std::span<const Board> boards
) {
    json::object messages;
    json::object in_channel;
    json::object operations;
    for (const Board& board : boards) {
        for (const PublishedEvent& event : board.publishes) {
            messages[event.type] = message_of(event, board, boards);
            in_channel[event.type] = reference("#/components/messages/" + event.type);
        }
        const auto add = [&](std::string_view action, const bus::Types& types) {
            if (auto operation = operation_of(channel, board, action, types);
                !operation.is_null()) {
                operations[fmt::format("{}.{}", board.context, action)] = std::move(operation);
            }
        };
        add("send", types_of(board.publishes));
        add("receive", received_by(board, boards));
    }
    const json::object document{
        {"asyncapi", "3.0.0"},
        {"info",
         json::object{{"title", "bookstore"}, {"version", version}, {"description", introduction}}},
        {"defaultContentType", "application/json"},
        {"channels",
         json::object{
             {channel,
              json::object{
                  {"address", channel},
                  {"description", "Every event of every context, in one order."},
                  {"messages", std::move(in_channel)}
              }}
         }},
        {"operations", std::move(operations)},
        {"components", json::object{{"messages", std::move(messages)}}}
    };
    return json::serialize(document);
}

}  // namespace bookstore::kernel
