#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <utility>

#include "base/json.hpp"
#include "kernel/hal.hpp"
#include "kernel/schema.hpp"
#include "peers/overview.hpp"

// GET /modules and /modules/{name} of a split.

namespace bookstore::peers {
namespace {

using http::Done;
using http::Request;

/// A context at a process that does not answer.
struct UnreachableModule {
    std::string name;
    std::string state = "UNREACHABLE";
    std::vector<std::string> subscriptions{};  ///< none is known
    json::Omittable<std::string> peer{};
    json::Omittable<std::string> since{};
    std::string reason{};
    kernel::LinkMap _links{};
};
BOOST_DESCRIBE_STRUCT(
    UnreachableModule, (), (name, state, subscriptions, peer, since, reason, _links)
)

enum class PeerStatus { up, unreachable };
constexpr std::array<std::string_view, 2> words_of(PeerStatus) {
    return {"UP", "UNREACHABLE"};
}

struct PeerResource {
    static constexpr std::string_view schema_name = "Peer";
    std::string url;
    PeerStatus state{};
    std::vector<std::string> contexts;
    json::Omittable<json::Timestamp> since;
    json::Omittable<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(PeerResource, (), (url, state, contexts, since, reason))

PeerResource resource_of(const PeerState& state) {
    PeerResource resource{
        .url = state.url,
        .state = state.unreachable_since_ms ? PeerStatus::unreachable : PeerStatus::up,
        .contexts = state.contexts,
        .since = {},
        .reason = {}
    };
    if (state.unreachable_since_ms) {
        resource.since = json::Timestamp{*state.unreachable_since_ms};
        resource.reason = state.reason;
    }
    return resource;
}

/// The contexts of the split as GET /modules shows each, by name; several of one name if several
/// processes host it.
using Shown = std::multimap<std::string, std::string, std::less<>>;

const boost::json::array& modules_in(const boost::json::value& list) {
    return list.at("_embedded").at("modules").as_array();
}

void add_own(Shown& shown, const std::string& body) {
    const auto own = boost::json::parse(body);
    for (const auto& module : modules_in(own)) {
        std::string text;
        append_value(text, module, {});
        shown.emplace(std::string(module.at("name").as_string()), std::move(text));
    }
}

/// Of what it hosts that is not here as well.
void add_heard(Split& split, Shown& shown, const Told<Heard>& told, const Request& request) {
    const std::string url = split.peers.state(told.peer).url;
    const LinksMoved links = links_to_here(split, told.peer, request);
    std::vector<std::string> names;
    for (const auto& module : modules_in(**told.said)) {
        const std::string name(module.at("name").as_string());
        names.push_back(name);
        if (!is_context(split, name) || split.system.find(name) != nullptr) {
            continue;
        }
        std::string text;
        append_value(text, module, links);
        shown.emplace(name, with_peer(std::move(text), url));
    }
    split.peers.note_contexts(told.peer, std::move(names));
}

void add_absent(Split& split, Shown& shown, const Absent& absent, const Request& request) {
    const PeerSilence silence = silence_of(split, absent);
    UnreachableModule module{.name = absent.context, .reason = silence.reason};
    if (absent.peer) {
        module.peer = split.peers.state(*absent.peer).url;
        module.since = silence.since;
    }
    module._links.add("self", fmt::format("{}/modules/{}", request.base_url(), absent.context));
    shown.emplace(absent.context, json::text_of(module));
}

Shown shown_by_all(
    Split& split,
    const std::string& own,
    const std::vector<Told<Heard>>& told,
    const Request& request
) {
    Shown shown;
    add_own(shown, own);
    for (const Told<Heard>& one : told) {
        if (one.said) {
            add_heard(split, shown, one, request);
        }
    }
    std::set<std::string> seen;
    for (const auto& [name, text] : shown) {
        seen.insert(name);
    }
    for (const Absent& absent : absent_contexts(split, seen, silent_of(told))) {
        add_absent(split, shown, absent, request);
    }
    return shown;
}

std::string list_of_all(
    const Split& split,
    const Shown& shown,
    const std::vector<Told<Heard>>& told,
    const Request& request
) {
    std::string body;
    {
        json::Object list(body);
        {
            json::Object embedded = list.object("_embedded");
            json::Array modules = embedded.array("modules");
            for (const kernel::Context& context : split.system.contexts()) {
                const auto [begin, end] = shown.equal_range(context.name);
                for (auto each = begin; each != end; ++each) {
                    modules.element(json::Raw{each->second});
                }
            }
        }
        kernel::LinkMap links;
        links.add("self", request.base_url() + "/modules");
        list.member("_links", links);
        std::vector<PeerResource> peers;
        for (const Told<Heard>& one : told) {
            peers.push_back(resource_of(split.peers.state(one.peer)));
        }
        list.member("peers", peers);
    }
    return body;
}

/// Goes on with what this process answers to GET /modules, and with what its peers do.
void ask(
    Split& split,
    const http::Handler& alone,
    const Request& request,
    const Done& done,
    const std::function<void(Shown, const std::vector<Told<Heard>>&)>& go_on
) {
    alone(request, [&split, &request, done, go_on](http::Answer answer) {
        auto own = body_of(std::move(answer));
        if (!own) {
            done(std::move(own.error()));
            return;
        }
        split.peers.ask_all<Heard>(
            "/modules",
            reads_shaped(split.modules),
            {},
            [&split, &request, own = std::move(*own), go_on](std::vector<Told<Heard>> told) {
                go_on(shown_by_all(split, own, told, request), told);
            }
        );
    });
}

boost::json::object edited_module(const boost::json::value& alone) {
    boost::json::object module = alone.as_object();
    module["title"] = "ModuleOfSplit";
    boost::json::object& members = module["properties"].as_object();
    members["state"].as_object()["enum"].as_array().push_back("UNREACHABLE");
    members["peer"] = kernel::text_schema().json();
    members["since"] = kernel::date_time_schema().json();
    members["reason"] = kernel::text_schema().json();
    module["required"] = {"name", "state", "subscriptions", "_links"};
    return module;
}

const boost::json::value& module_in(const kernel::Schema& list) {
    return list.json().at("properties").at("_embedded").at("properties").at("modules").at("items");
}

}  // namespace

void modules_of_all(
    Split& split, const http::Handler& alone, const Request& request, const Done& done
) {
    ask(split,
        alone,
        request,
        done,
        [&split, &request, done](const Shown& shown, const std::vector<Told<Heard>>& told) {
            done(kernel::hal_response(request, list_of_all(split, shown, told, request)));
        });
}

void module_of_one(
    Split& split, const http::Handler& alone, const Request& request, const Done& done
) {
    const std::string& name = request.captures.at(0);
    if (split.system.find(name) != nullptr || !is_context(split, name)) {
        alone(request, done);
        return;
    }
    split.peers.ask_all<Heard>(
        "/modules",
        reads_shaped(split.modules),
        {},
        [&split, &alone, &request, done, name](const std::vector<Told<Heard>>& told) {
            constexpr std::string_view nothing_of_its_own = R"({"_embedded":{"modules":[]}})";
            const Shown shown = shown_by_all(split, std::string(nothing_of_its_own), told, request);
            const auto found = shown.find(name);
            if (found == shown.end()) {
                alone(request, done);  // 404
            } else {
                done(kernel::hal_response(request, found->second));
            }
        }
    );
}

kernel::Schema module_of_split(const kernel::Schema& alone) {
    return edited_module(module_in(alone));
}

kernel::Schema module_list_of_split(const kernel::Schema& alone) {
    boost::json::object list = alone.json().as_object();
    list["title"] = "ModuleListOfSplit";
    boost::json::object& members = list["properties"].as_object();
    boost::json::object& embedded = members["_embedded"].as_object();
    embedded["title"] = "ModuleEmbeddedOfSplit";
    embedded["properties"].as_object()["modules"].as_object()["items"] =
        edited_module(module_in(alone));
    members["peers"] = kernel::list_of(kernel::schema_of<PeerResource>()).json();
    list["required"].as_array().push_back("peers");
    return list;
}

}  // namespace bookstore::peers
