#include "operations/parked_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "base/json.hpp"
#include "kernel/fields.hpp"
#include "kernel/hal.hpp"

namespace bookstore::operations {
namespace {

using bus::HeldEvent;
using http::Answer;
using http::Request;
using kernel::append_link;
using kernel::hal_response;
using kernel::HostedModule;

std::string_view word_of(HeldEvent::State state) {
    switch (state) {
        case HeldEvent::State::retrying:
            return "RETRYING";
        case HeldEvent::State::waiting:
            return "WAITING";
        case HeldEvent::State::parked:
            return "PARKED";
        case HeldEvent::State::skipped:
            return "SKIPPED";
    }
    return "WAITING";
}

/// The payload as it is when it is a JSON object, else as text.
void append_payload(std::string& out, const std::string& payload) {
    boost::json::error_code error;
    const auto value = boost::json::parse(payload, error);
    if (!error && value.is_object()) {
        out += payload;
    } else {
        json::append_untrusted(out, payload);
    }
}

void append_links(
    std::string& out, const Holder& holder, const HeldEvent& event, const std::string& base_url
) {
    const std::string self =
        fmt::format("{}/parked/{}-{}", base_url, holder.subscription->name(), event.position);
    out += R"("_links":{)";
    append_link(out, "self", self);
    append_link(out, "module", fmt::format("{}/modules/{}", base_url, holder.module->name()));
    using State = HeldEvent::State;
    if (event.state == State::parked || event.state == State::retrying) {
        append_link(out, "retry", self + "/retry");
    }
    if (event.state != State::skipped) {
        append_link(out, "skip", self + "/skip");
    }
    out.back() = '}';
}

std::string object_of(const Holder& holder, const HeldEvent& event, const std::string& base_url) {
    std::string out = fmt::format(
        R"({{"id":"{0}-{1}","module":"{2}","subscription":"{0}","state":"{3}","event":{{"position":{1},"type":)",
        holder.subscription->name(),
        event.position,
        holder.module->name(),
        word_of(event.state)
    );
    json::append_untrusted(out, event.type);
    out += R"(,"key":)";
    json::append_untrusted(out, event.key);
    out += fmt::format(R"(,"publishedAt":"{}","payload":)", iso_timestamp(event.time_ms));
    append_payload(out, event.payload);
    out += R"(},"error":)";
    json::append_untrusted(out, event.error);
    out += fmt::format(
        R"(,"attempts":{},"firstTry":"{}","nextTry":)",
        event.attempts,
        iso_timestamp(event.first_try_ms)
    );
    const auto next =
        event.next_try_ms ? std::optional(iso_timestamp(*event.next_try_ms)) : std::nullopt;
    json::append(out, next);
    if (event.skipped_at_ms) {
        out += R"(,"reason":)";
        json::append(out, event.reason);
        out += fmt::format(R"(,"skippedAt":"{}")", iso_timestamp(*event.skipped_at_ms));
    }
    out += ',';
    append_links(out, holder, event, base_url);
    return out + "}";
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

/// The objects of that page, with a comma behind each, and how many events there are in all.
std::pair<std::string, std::int64_t> rows_of(
    host::System& system, const Wanted& wanted, const std::string& base_url
) {
    std::string rows;
    std::int64_t total = 0;
    std::int64_t missing = wanted.page.size;
    for (const Holder& holder : holders_in(system, wanted.module)) {
        const storage::Reader reader = holder.module->database().read();
        const std::int64_t count = holder.held().count(*reader, wanted.parked_only);
        const std::int64_t from = std::max<std::int64_t>(wanted.page.offset() - total, 0);
        total += count;
        if (from >= count || missing == 0) {
            continue;
        }
        for (const HeldEvent& event :
             holder.held().page(*reader, wanted.parked_only, from, missing)) {
            rows += object_of(holder, event, base_url) + ",";
            --missing;
        }
    }
    return {std::move(rows), total};
}

}  // namespace

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
    return hal_response(request, object_of(holder, event, request.base_url()), status);
}

Answer show_parked(host::System& system, const Request& request) {
    const auto id = held_id_in_path(system, request);
    if (!id) {
        return id.error();
    }
    const storage::Reader reader = id->holder.module->database().read();
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
    const auto href = [&](std::int64_t number) {
        return fmt::format(
            "{}/parked?page={}&size={}{}", base_url, number, page.size, wanted->query
        );
    };
    std::string out = R"({"_embedded":{"parked":[)" + std::move(rows);
    if (out.back() == ',') {
        out.pop_back();
    }
    out += R"(]},"_links":{)";
    const bool prev = page.number > 0 && pages > 0;
    const bool next = page.number + 1 < pages;
    if (prev || next) {
        append_link(out, "first", href(0));
    }
    if (prev) {
        append_link(out, "prev", href(std::min(page.number, pages) - 1));
    }
    if (page.plain && wanted->query.empty()) {
        append_link(out, "self", base_url + "/parked{?module,state,page,size}", true);
    } else {
        append_link(out, "self", href(page.number));
    }
    if (next) {
        append_link(out, "next", href(page.number + 1));
    }
    if (prev || next) {
        append_link(out, "last", href(pages - 1));
    }
    out.back() = '}';
    out += fmt::format(
        R"(,"page":{{"size":{},"totalElements":{},"totalPages":{},"number":{}}}}})",
        page.size,
        total,
        pages,
        page.number
    );
    return hal_response(request, std::move(out));
}

}  // namespace bookstore::operations
