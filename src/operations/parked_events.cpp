#include "operations/parked_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json.hpp"
#include "kernel/fields.hpp"
#include "kernel/hal.hpp"
#include "operations/parked_resources.hpp"

namespace bookstore::operations {
namespace {

using bus::HeldEvent;
using http::Answer;
using http::Request;
using kernel::hal_response;
using kernel::HostedModule;

kernel::LinkMap links_of(
    const Holder& holder, const HeldEvent& event, const std::string& base_url
) {
    const std::string self =
        fmt::format("{}/parked/{}-{}", base_url, holder.subscription->name(), event.position);
    kernel::LinkMap links;
    links.add("self", self);
    links.add("module", fmt::format("{}/modules/{}", base_url, holder.module->name()));
    using State = HeldEvent::State;
    if (event.state == State::parked || event.state == State::retrying) {
        links.add("retry", self + "/retry");
    }
    if (event.state != State::skipped) {
        links.add("skip", self + "/skip");
    }
    return links;
}

HeldEventResource resource_of(
    const Holder& holder, const HeldEvent& event, const std::string& base_url
) {
    HeldEventResource resource{
        .id = fmt::format("{}-{}", holder.subscription->name(), event.position),
        .module = holder.module->name(),
        .subscription = std::string(holder.subscription->name()),
        .state = event.state,
        .event =
            {.position = event.position,
             .type = {event.type},
             .key = {event.key},
             .published_at = {event.time_ms},
             .payload = {event.payload}},
        .error = {event.error},
        .attempts = event.attempts,
        .first_try = {event.first_try_ms},
        .next_try = {},
        .reason = {},
        .skipped_at = {},
        ._links = links_of(holder, event, base_url)
    };
    if (event.next_try_ms) {
        resource.next_try = json::Timestamp{*event.next_try_ms};
    }
    if (event.skipped_at_ms) {
        resource.reason = event.reason;
        resource.skipped_at = json::Timestamp{*event.skipped_at_ms};
    }
    return resource;
}

/// What GET /parked is asked for.
struct Wanted {
    kernel::Page page;
    HostedModule* module = nullptr;  ///< its alone
    bool parked_only = false;
    std::string query;  ///< the filters again, for the links: "&state=PARKED"
};

std::expected<Wanted, http::Problem> wanted_in(host::System& system, const Request& request) {
    static constexpr std::string_view sortable[] = {"position"};
    Wanted wanted;
    const auto page = kernel::read_page(request, sortable);
    const auto name = kernel::query_text(request, "module");
    const auto state = kernel::query_text(request, "state");
    if (!page || !name || !state) {
        return std::unexpected(!page ? page.error() : !name ? name.error() : state.error());
    }
    wanted.page = *page;
    if (*name) {
        wanted.module = system.find(**name);
        if (wanted.module == nullptr) {
            return std::unexpected(kernel::bad_parameter(
                "module", *name, "must be a context that is hosted here; GET /modules lists them"
            ));
        }
        wanted.query += fmt::format("&module={}", **name);
    }
    if (*state) {
        if (**state != "PARKED") {
            return std::unexpected(kernel::bad_parameter(
                "state", *state, "may be PARKED: those whose attempts are used up, alone"
            ));
        }
        wanted.parked_only = true;
        wanted.query += "&state=PARKED";
    }
    return wanted;
}

/// Those of that page, and how many events there are in all.
std::pair<std::vector<HeldEventResource>, std::int64_t> rows_of(
    host::System& system, const Wanted& wanted, const std::string& base_url
) {
    std::vector<HeldEventResource> rows;
    std::int64_t total = 0;
    std::int64_t missing = wanted.page.size;
    for (const Holder& holder : holders_in(system, wanted.module)) {
        const storage::Reader reader = holder.module->database().read_for_client();
        const std::int64_t count = holder.held().count(*reader, wanted.parked_only);
        const std::int64_t from = std::max<std::int64_t>(wanted.page.offset() - total, 0);
        total += count;
        if (from >= count || missing == 0) {
            continue;
        }
        for (const HeldEvent& event :
             holder.held().page(*reader, wanted.parked_only, from, missing)) {
            rows.push_back(resource_of(holder, event, base_url));
            --missing;
        }
    }
    return {std::move(rows), total};
}

}  // namespace

kernel::LinkMap parked_page_links(
    const kernel::Page& page,
    const std::string& filters,
    std::int64_t pages,
    const std::string& base_url
) {
    const auto href = [&](std::int64_t number) {
        return fmt::format("{}/parked?page={}&size={}{}", base_url, number, page.size, filters);
    };
    kernel::LinkMap links;
    const bool prev = page.number > 0 && pages > 0;
    const bool next = page.number + 1 < pages;
    if (prev || next) {
        links.add("first", href(0));
    }
    if (prev) {
        links.add("prev", href(std::min(page.number, pages) - 1));
    }
    if (page.plain && filters.empty()) {
        links.add("self", base_url + "/parked{?module,state,page,size}", true);
    } else {
        links.add("self", href(page.number));
    }
    if (next) {
        links.add("next", href(page.number + 1));
    }
    if (prev || next) {
        links.add("last", href(pages - 1));
    }
    return links;
}

std::vector<Holder> holders_in(host::System& system, const HostedModule* only) {
    std::vector<Holder> holders;
    for (const auto& module : system.modules()) {
        if (only == nullptr || module.get() == only) {
            for (const auto& subscription : module->subscriptions()) {
                holders.push_back({module.get(), subscription.get()});
            }
        }
    }
    return holders;
}

http::Problem HeldId::unknown() const {
    return kernel::problem(
        404, fmt::format("there is no held event {}: it was handled, or never held", text)
    );
}

std::expected<HeldId, http::Problem> held_id_in_path(host::System& system, const Request& request) {
    const std::string& text = request.captures.at(0);
    const auto dash = text.rfind('-');
    if (dash != std::string::npos) {
        const auto position = kernel::parse_integer(std::string_view(text).substr(dash + 1), 1);
        for (const Holder& holder : holders_in(system)) {
            if (position && holder.subscription->name() == text.substr(0, dash)) {
                return HeldId{holder, *position, text};
            }
        }
    }
    const bool sane = std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return std::unexpected(kernel::problem(
        sane ? 404 : 400,
        "there is no held event of that id; an id is a subscription's name and a position, for "
        "example order-12, and GET /parked lists them"
    ));
}

http::Response shown(
    const Request& request, const Holder& holder, const HeldEvent& event, int status
) {
    return hal_response(
        request, json::text_of(resource_of(holder, event, request.base_url())), status
    );
}

Answer show_parked(host::System& system, const Request& request) {
    const auto id = held_id_in_path(system, request);
    if (!id) {
        return id.error();
    }
    const storage::Reader reader = id->holder.module->database().read_for_client();
    const auto event = id->holder.held().find(*reader, id->position);
    return event ? Answer(shown(request, id->holder, *event)) : Answer(id->unknown());
}

Answer list_parked(host::System& system, const Request& request) {
    const auto wanted = wanted_in(system, request);
    if (!wanted) {
        return wanted.error();
    }
    const std::string base_url = request.base_url();
    auto [rows, total] = rows_of(system, *wanted, base_url);
    const kernel::Page& page = wanted->page;
    const std::int64_t pages = (total + page.size - 1) / page.size;
    const HeldEventPage body{
        ._embedded = {std::move(rows)},
        ._links = parked_page_links(page, wanted->query, pages, base_url),
        .page = {page.size, total, pages, page.number}
    };
    return hal_response(request, json::text_of(body));
}

}  // namespace bookstore::operations
