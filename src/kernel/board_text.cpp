#include "kernel/board_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <iterator>
#include <vector>

namespace bookstore::kernel {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& list) {
    json::array result;
    for (const std::string& text : list) {
        result.push_back(json::value(text));
    }
    return result;
}

json::object object_of(const Board& board) {
    json::array commands;
    for (const CommandDescription& command : board.commands) {
        commands.push_back(json::object{
            {"id", command.id},
            {"summary", command.summary},
            {"method", command.method},
            {"path", command.path}
        });
    }
    json::array policies;
    for (const PolicyDescription& policy : board.policies) {
        policies.push_back(
            json::object{{"sentence", policy.sentence}, {"whenever", texts(policy.whenever)}}
        );
    }
    json::array models;
    for (const ReadModelDescription& model : board.read_models) {
        models.push_back(json::object{{"name", model.name}, {"whenever", texts(model.whenever)}});
    }
    return {
        {"name", board.context},
        {"commands", std::move(commands)},
        {"publishes", texts(types_of(board.publishes))},
        {"policies", std::move(policies)},
        {"readModels", std::move(models)},
        {"asks", texts(board.needs)},
        {"collections", texts(board.collections)}
    };
}

/// What of `sent` is waited for in `whenever`, in the order in which it is declared.
std::vector<std::string> both(
    const std::vector<std::string>& sent, const std::vector<std::string>& whenever
) {
    std::vector<std::string> common;
    std::ranges::copy_if(sent, std::back_inserter(common), [&](const std::string& type) {
        return std::ranges::find(whenever, type) != whenever.end();
    });
    return common;
}

std::vector<std::string> handled_by_policies(const Board& board) {
    std::vector<std::string> types;
    for (const PolicyDescription& policy : board.policies) {
        std::ranges::copy(policy.whenever, std::back_inserter(types));
    }
    return types;
}

}  // namespace

std::string board_json(std::span<const Board> boards) {
    json::array contexts;
    for (const Board& board : boards) {
        contexts.push_back(object_of(board));
    }
    return json::serialize(json::object{{"contexts", std::move(contexts)}});
}

std::string board_mermaid(std::span<const Board> boards) {
    std::string out = "flowchart LR\n";
    for (const Board& board : boards) {
        for (const std::string& asked : board.needs) {
            out += fmt::format("    {} -.->|asks| {}\n", board.context, asked);
        }
    }
    const auto arrow = [&out](const Board& from, const std::string& to, const auto& types) {
        if (!types.empty()) {
            out += fmt::format("    {} ==>|{}| {}\n", from.context, fmt::join(types, ", "), to);
        }
    };
    for (const Board& sender : boards) {
        const bus::Types sent = types_of(sender.publishes);
        for (const Board& receiver : boards) {
            arrow(sender, receiver.context, both(sent, handled_by_policies(receiver)));
            for (const ReadModelDescription& model : receiver.read_models) {
                arrow(
                    sender,
                    fmt::format("{}[({})]", model.name, model.name),
                    both(sent, model.whenever)
                );
            }
        }
    }
    return out;
}

std::string board_lines(std::span<const Board> boards) {
    std::string out;
    for (const Board& board : boards) {
        out += fmt::format("{}\n", board.context);
        for (const CommandDescription& command : board.commands) {
            out += fmt::format(
                "  command     {} ({} {})\n", command.summary, command.method, command.path
            );
        }
        for (const PublishedEvent& event : board.publishes) {
            out += fmt::format("  publishes   {}\n", event.type);
        }
        for (const PolicyDescription& policy : board.policies) {
            out += fmt::format(
                "  policy      whenever {}: {}\n",
                fmt::join(policy.whenever, " or "),
                policy.sentence
            );
        }
        for (const ReadModelDescription& model : board.read_models) {
            out += fmt::format(
                "  read model  {}, from {}\n", model.name, fmt::join(model.whenever, ", ")
            );
        }
        for (const std::string& asked : board.needs) {
            out += fmt::format("  asks        {}\n", asked);
        }
    }
    return out;
}

}  // namespace bookstore::kernel
