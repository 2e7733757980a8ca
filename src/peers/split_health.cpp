#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <utility>

#include "base/json.hpp"
#include "kernel/schema.hpp"
#include "peers/overview.hpp"

// GET /actuator/health of a split: how this process is, with the components of all.

namespace bookstore::peers {
namespace {

using http::Done;
using http::Request;

/// Components by name, as text.
using Components = std::map<std::string, std::string, std::less<>>;

/// A peer: its contexts stand with all others, the rest (its relay) here.
struct PeerHealth {
    std::string url;
    std::string status;
    std::string since{};
    std::string reason{};
    std::vector<std::string> contexts;
    Components others{};
};

std::string text_of(const boost::json::value& value) {
    std::string text;
    append_value(text, value, {});
    return text;
}

/// A name that another process chose, and that needs no escape.
bool is_word(std::string_view name) {
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

PeerHealth take_peer(Split& split, Components& contexts, const Told<Heard>& told) {
    const PeerState state = split.peers.state(told.peer);
    PeerHealth peer{.url = state.url, .status = "UNREACHABLE", .contexts = state.contexts};
    if (!told.said) {
        peer.reason = state.reason;
        peer.since = iso_timestamp(state.unreachable_since_ms.value_or(0));
        return peer;
    }
    const boost::json::object& health = (**told.said).as_object();
    peer.status = std::string(health.at("status").as_string());
    if (const auto* details = health.if_contains("details")) {
        if (const auto* reason = details->as_object().if_contains("reason")) {
            peer.reason = std::string(reason->as_string());
        }
    }
    peer.contexts.clear();
    for (const auto& [name, component] : health.at("components").as_object()) {
        if (!is_context(split, name)) {
            if (is_word(name)) {
                peer.others.emplace(std::string(name), text_of(component));
            }
            continue;
        }
        peer.contexts.emplace_back(name);
        if (split.system.find(name) == nullptr) {
            contexts.emplace(std::string(name), with_peer(text_of(component), state.url));
        }
    }
    split.peers.note_contexts(told.peer, peer.contexts);
    return peer;
}

std::string unreachable(const Split& split, const Absent& absent) {
    std::string text;
    {
        const PeerSilence silence = silence_of(split, absent);
        json::Object component(text);
        component.member("status", "UNREACHABLE");
        {
            json::Object details = component.object("details");
            details.member("reason", silence.reason);
            if (!silence.since.empty()) {
                details.member("since", silence.since);
            }
        }
        if (absent.peer) {
            component.member("peer", split.peers.state(*absent.peer).url);
        }
    }
    return text;
}

void append_components(std::string& out, const Components& components) {
    json::Object object(out);
    for (const auto& [name, text] : components) {
        object.member(name, json::Raw{text});
    }
}

void append_peer(std::string& out, const PeerHealth& peer) {
    json::Object object(out);
    object.member("status", peer.status);
    if (!peer.reason.empty()) {
        json::Object details = object.object("details");
        details.member("reason", peer.reason);
        if (!peer.since.empty()) {
            details.member("since", peer.since);
        }
    }
    object.member("contexts", peer.contexts);
    append_components(object.begin("components"), peer.others);
}

/// In the order of the table, and what is no context after them.
void append_all_components(std::string& out, const Split& split, Components components) {
    json::Object object(out);
    for (const kernel::Context& context : split.system.contexts()) {
        const auto found = components.find(context.name);
        if (found != components.end()) {
            object.member(found->first, json::Raw{found->second});
            components.erase(found);
        }
    }
    for (const auto& [name, text] : components) {
        object.member(name, json::Raw{text});
    }
}

std::string health_text(
    Split& split, const std::string& own_body, const std::vector<Told<Heard>>& told
) {
    const auto own = boost::json::parse(own_body);
    Components components;
    for (const auto& [name, component] : own.at("components").as_object()) {
        components.emplace(std::string(name), text_of(component));
    }
    std::vector<PeerHealth> peers;
    for (const Told<Heard>& one : told) {
        peers.push_back(take_peer(split, components, one));
    }
    std::set<std::string> seen;
    for (const auto& [name, text] : components) {
        seen.insert(name);
    }
    for (const Absent& absent : absent_contexts(split, seen, silent_of(told))) {
        components.emplace(absent.context, unreachable(split, absent));
    }
    std::string body;
    {
        json::Object health(body);
        health.member("status", std::string_view(own.at("status").as_string()));
        if (const auto* details = own.as_object().if_contains("details")) {
            health.member("details", json::Raw{text_of(*details)});
        }
        append_all_components(health.begin("components"), split, std::move(components));
        json::Object by_url = health.object("peers");
        for (const PeerHealth& peer : peers) {
            append_peer(by_url.begin(peer.url), peer);
        }
    }
    return body;
}

kernel::Schema peer_schema(const boost::json::value& component) {
    boost::json::object schema =
        kernel::object_schema(
            "PeerHealth",
            {{"status",
              true,
              kernel::words_schema(std::vector<std::string>{"UP", "DOWN", "UNREACHABLE"})},
             {"details", false, kernel::object_with("PeerDetails", {"reason"})},
             {"contexts", true, kernel::list_of(kernel::text_schema())},
             {"components", true, kernel::named_values(component.as_object())}}
        )
            .json()
            .as_object();
    return schema;
}

}  // namespace

void health_of_all(
    Split& split, const http::Handler& alone, const Request& request, const Done& done
) {
    alone(request, [&split, done](http::Answer answer) {
        const auto* response = std::get_if<http::Response>(&answer);
        const int status = response == nullptr ? 500 : response->status;
        const auto headers = response == nullptr ? std::vector<http::Header>() : response->headers;
        auto own = body_of(std::move(answer), 503);
        if (!own) {
            done(std::move(own.error()));
            return;
        }
        split.peers.ask_all<Heard>(
            "/actuator/health",
            reads_shaped(split.health, 503),
            {},
            [&split, done, status, headers, own = std::move(*own)](
                const std::vector<Told<Heard>>& told
            ) {
                http::Response whole;
                whole.status = status;
                whole.headers = headers;
                whole.content_type = "application/json;charset=UTF-8";
                whole.body = health_text(split, own, told);
                done(std::move(whole));
            }
        );
    });
}

kernel::Schema health_of_split(const kernel::Schema& alone) {
    boost::json::object health = alone.json().as_object();
    health["title"] = "HealthOfSplit";
    boost::json::object& members = health["properties"].as_object();
    boost::json::object component = members.at("components").at("additionalProperties").as_object();
    members["peers"] = kernel::named_values(peer_schema(component)).json();
    health["required"].as_array().push_back("peers");
    component["title"] = "ComponentHealthOfSplit";
    boost::json::object& of_component = component["properties"].as_object();
    of_component["status"].as_object()["enum"].as_array().push_back("UNREACHABLE");
    of_component["peer"] = kernel::text_schema().json();
    members["components"].as_object()["additionalProperties"] = std::move(component);
    return health;
}

}  // namespace bookstore::peers
