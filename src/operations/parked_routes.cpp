#include "operations/parked_routes.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json.hpp"
#include "bus/parked.hpp"
#include "kernel/cross_origin.hpp"
#include "kernel/fields.hpp"
#include "kernel/hal.hpp"
#include "operations/module_routes.hpp"

namespace bookstore::operations {
namespace {

using bus::HeldEvent;
using bus::Parked;
using http::Answer;
using http::Done;
using http::Request;
using kernel::HostedModule;

constexpr auto item_schema = R"({
    "type": "object",
    "required": ["id", "module", "subscription", "state", "event", "error", "attempts", "firstTry",
                 "nextTry", "_links"],
    "properties": {
        "id": {"type": "string"},
        "module": {"type": "string"},
        "subscription": {"type": "string"},
        "state": {"type": "string", "enum": ["RETRYING", "WAITING", "PARKED", "SKIPPED"]},
        "event": {
            "type": "object",
            "required": ["position", "type", "key", "publishedAt", "payload"],
            "properties": {
                "position": {"type": "integer", "minimum": 1},
                "type": {"type": "string"},
                "key": {"type": "string"},
                "publishedAt": {"type": "string", "format": "date-time"},
                "payload": {"type": ["object", "string"]}
            }
        },
        "error": {"type": "string"},
        "attempts": {"type": "integer", "minimum": 0},
        "firstTry": {"type": "string", "format": "date-time"},
        "nextTry": {"type": ["string", "null"], "format": "date-time"},
        "reason": {"type": "string"},
        "skippedAt": {"type": "string", "format": "date-time"},
        "_links": {"$ref": "#/components/schemas/LinkMap"}
    }
})";

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

// ---- which one

/// What holds events: a subscription, with its context.
struct Holder {
    HostedModule* module;
    bus::Subscription* subscription;

    Parked parked() const { return Parked(subscription->name()); }
};

std::vector<Holder> holders_in(host::System& system, const HostedModule* only = nullptr) {
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

/// "order-12": what the subscription "order" holds at position 12.
struct Id {
    Holder holder;
    std::int64_t position;
    std::string text;

    http::Problem unknown() const {
        return kernel::problem(
            404, fmt::format("there is no held event {}: it was handled, or never held", text)
        );
    }
};

std::expected<Id, http::Problem> id_in_path(host::System& system, const Request& request) {
    const std::string& text = request.captures.at(0);
    const auto dash = text.rfind('-');
    if (dash != std::string::npos) {
        const auto position = kernel::parse_integer(std::string_view(text).substr(dash + 1), 1);
        for (const Holder& holder : holders_in(system)) {
            if (position && holder.subscription->name() == text.substr(0, dash)) {
                return Id{holder, *position, text};
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

// ---- showing

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

void append_link(std::string& out, std::string_view rel, const std::string& href) {
    out += fmt::format(R"("{}":{{"href":)", rel);
    json::append(out, href);
    out += "},";
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

http::Response shown(
    const Request& request, const Holder& holder, const HeldEvent& event, int status = 200
) {
    return hal_response(request, object_of(holder, event, request.base_url()), status);
}

/// GET /parked/{id}: one that is held, or that was skipped.
Answer show(host::System& system, const Request& request) {
    const auto id = id_in_path(system, request);
    if (!id) {
        return id.error();
    }
    const storage::Reader reader = id->holder.module->database().read();
    const auto event = id->holder.parked().find(*reader, id->position);
    return event ? Answer(shown(request, id->holder, *event)) : Answer(id->unknown());
}

// ---- a page of them

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
        for (const auto& module : system.modules()) {
            wanted.module = module->name() == **name ? module.get() : wanted.module;
        }
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
        const std::int64_t count = holder.parked().count(*reader, wanted.parked_only);
        const std::int64_t from = std::max<std::int64_t>(wanted.page.offset() - total, 0);
        total += count;
        if (from >= count || missing == 0) {
            continue;
        }
        for (const HeldEvent& event :
             holder.parked().page(*reader, wanted.parked_only, from, missing)) {
            rows += object_of(holder, event, base_url) + ",";
            --missing;
        }
    }
    return {std::move(rows), total};
}

/// GET /parked{?module,state,page,size}: what is held, by context, in the order of the log.
Answer list(host::System& system, const Request& request) {
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
        out += R"("self":{"href":)";
        json::append(out, base_url + "/parked{?module,state,page,size}");
        out += R"(,"templated":true},)";
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

// ---- acting

struct Reason {
    std::string reason;
};

const kernel::Fields<Reason>& reason_fields() {
    static const auto fields = kernel::Fields<Reason>().text("reason", &Reason::reason);
    return fields;
}

/// The write of an operator on held events, and their subscriptions look again.
void act(
    HostedModule& module,
    std::vector<bus::Subscription*> subscriptions,
    kernel::Write write,
    const Done& done
) {
    module.module().write(std::move(write), [subscriptions, done](Answer answer) {
        for (bus::Subscription* subscription : subscriptions) {
            subscription->held_changed();
        }
        done(std::move(answer));
    });
}

/// POST /parked/{id}/retry: it is tried now, once more if it was parked.
void retry(host::System& system, const Request& request, const Done& done) {
    const auto id = id_in_path(system, request);
    if (!id) {
        done(id.error());
        return;
    }
    const auto write = [&request, id = *id](bus::UnitOfWork& work) -> Answer {
        const Parked parked = id.holder.parked();
        const bool retried = parked.retry(work.db(), id.position, work.now_ms());
        const auto event = parked.find(work.db(), id.position);
        if (!event) {
            return id.unknown();
        }
        if (!retried) {
            return kernel::problem(
                409,
                event->state == HeldEvent::State::skipped
                    ? fmt::format("{} was skipped: {}", id.text, event->reason)
                    : fmt::format(
                          "{} waits behind another event of {}: retry or skip that one first",
                          id.text,
                          event->key
                      )
            );
        }
        return shown(request, id.holder, *event, 202);
    };
    act(*id->holder.module, {id->holder.subscription}, write, done);
}

/// POST /parked/{id}/skip: it is never handled. Once more: the first record of it.
void skip(host::System& system, const Request& request, const Done& done) {
    auto body = reason_fields().read(request);
    if (!body) {
        done(std::move(body.error()));
        return;
    }
    const auto id = id_in_path(system, request);
    if (!id) {
        done(id.error());
        return;
    }
    const auto write = [&request, id = *id, reason = body->reason](bus::UnitOfWork& work
                       ) -> Answer {
        const Parked parked = id.holder.parked();
        if (parked.skip(work.db(), id.position, reason, work.now_ms())) {
            spdlog::warn("{} was skipped by an operator: {}", id.text, reason);
        }
        const auto event = parked.find(work.db(), id.position);
        return event ? Answer(shown(request, id.holder, *event)) : Answer(id.unknown());
    };
    act(*id->holder.module, {id->holder.subscription}, write, done);
}

/// How many were acted on, and how many the context still has parked.
http::Response counted(
    const Request& request,
    const HostedModule& module,
    std::int64_t count,
    std::int64_t left,
    int status
) {
    std::string out = fmt::format(
        R"({{"module":"{}","count":{},"parked":{},"_links":{{)", module.name(), count, left
    );
    const std::string base_url = request.base_url();
    append_link(out, "module", fmt::format("{}/modules/{}", base_url, module.name()));
    append_link(out, "parked", fmt::format("{}/parked?module={}", base_url, module.name()));
    out.back() = '}';
    return hal_response(request, out + "}", status);
}

using OfAll = std::function<std::int64_t(const Parked&, bus::UnitOfWork&)>;

/// Acts on all that the context in the path has parked.
void act_on_all(
    host::System& system, const Request& request, int status, const OfAll& of_all, const Done& done
) {
    const auto found = module_in_path(system, request);
    if (!found) {
        done(found.error());
        return;
    }
    HostedModule& module = **found;
    const auto holders = holders_in(system, &module);
    std::vector<bus::Subscription*> subscriptions;
    for (const Holder& holder : holders) {
        subscriptions.push_back(holder.subscription);
    }
    const auto write = [&request, &module, holders, of_all, status](bus::UnitOfWork& work
                       ) -> Answer {
        std::int64_t count = 0;
        std::int64_t left = 0;
        for (const Holder& holder : holders) {
            count += of_all(holder.parked(), work);
            left += holder.parked().count(work.db(), true);
        }
        return counted(request, module, count, left, status);
    };
    act(module, std::move(subscriptions), write, done);
}

void retry_all(host::System& system, const Request& request, const Done& done) {
    const auto retried = [](const Parked& parked, bus::UnitOfWork& work) {
        return parked.retry_parked(work.db(), work.now_ms());
    };
    act_on_all(system, request, 202, retried, done);
}

void skip_all(host::System& system, const Request& request, const Done& done) {
    auto body = reason_fields().read(request);
    if (!body) {
        done(std::move(body.error()));
        return;
    }
    const auto skipped = [reason = body->reason](const Parked& parked, bus::UnitOfWork& work) {
        const std::int64_t count = parked.skip_parked(work.db(), reason, work.now_ms());
        if (count > 0) {
            spdlog::warn(
                "{} events of {} were skipped by an operator: {}",
                count,
                parked.subscription(),
                reason
            );
        }
        return count;
    };
    act_on_all(system, request, 200, skipped, done);
}

// ---- endpoints

kernel::Parameter id_parameter() {
    return {
        .name = "id",
        .in = kernel::Parameter::In::path,
        .required = true,
        .description = "the subscription that holds it, and its position in the log",
        .schema = R"({"type":"string","pattern":"^[a-z0-9-]+$"})",
        .example = R"("payment-history-1")"
    };
}

kernel::Endpoint endpoint(std::string pattern, kernel::Operation operation) {
    kernel::Endpoint result;
    result.route.pattern = std::move(pattern);
    result.operation = std::move(operation);
    result.operation.tag = "parked";
    return result;
}

kernel::Reply item_reply(int status, std::string description) {
    return {
        .status = status,
        .description = std::move(description),
        .type = "hal",
        .schema = item_schema
    };
}

/// A POST that changes something: 403, 503, 507 beside its own answers. `with_reason`: it has a
/// body.
kernel::Endpoint acting(
    host::System& system,
    std::string pattern,
    kernel::Operation operation,
    bool with_reason,
    void (*run)(host::System&, const Request&, const Done&)
) {
    for (kernel::Reply reply :
         {kernel::Reply{.status = 403, .description = "a page of another origin sent it"},
          kernel::Reply{
              .status = 503,
              .description = "the context is stopped, or cannot write now",
              .headers = {"Retry-After"}
          },
          kernel::Reply{.status = 507, .description = "the disk is full; nothing was changed"}}) {
        kernel::add_reply(operation, std::move(reply));
    }
    if (with_reason) {
        operation.body = kernel::RequestBody{
            .schema = "SkipInput",
            .fields = reason_fields().specs(),
            .example = R"({"reason":"the order was settled by hand"})"
        };
    }
    auto result = endpoint(std::move(pattern), std::move(operation));
    result.route.method = http::Method::post;
    if (with_reason) {
        result.route.consumes = http::Consumes::json;
    }
    result.route.handler = [&system, run](const Request& request, const Done& done) {
        if (auto problem = kernel::refuse_cross_origin(request)) {
            done(std::move(*problem));
            return;
        }
        run(system, request, done);
    };
    return result;
}

std::string names_schema(const host::System& system) {
    std::string names;
    for (const auto& module : system.modules()) {
        names += fmt::format(R"({}"{}")", names.empty() ? "" : ",", module->name());
    }
    return fmt::format(R"({{"type":"string","enum":[{}]}})", names);
}

std::string number_schema(std::int64_t least, std::int64_t otherwise) {
    return fmt::format(
        R"({{"type":"integer","minimum":{},"maximum":{},"default":{}}})",
        least,
        kernel::max_integer,
        otherwise
    );
}

kernel::Endpoint list_endpoint(host::System& system) {
    const std::string schema = fmt::format(
        R"({{"type":"object","required":["_embedded","_links","page"],"properties":{{
            "_embedded":{{"type":"object","required":["parked"],"properties":{{
                "parked":{{"type":"array","items":{}}}}}}},
            "_links":{{"$ref":"#/components/schemas/LinkMap"}},
            "page":{{"type":"object","required":["size","totalElements","totalPages","number"]}}}}}})",
        item_schema
    );
    auto result = endpoint(
        "/parked",
        {.tag = {},
         .id = "parkedEvents",
         .summary = "Events that a context could not handle yet, and those that wait behind them",
         .parameters =
             {{.name = "module",
               .description = "those of one context",
               .schema = names_schema(system),
               .example = fmt::format(R"("{}")", system.modules().front()->name())},
              {.name = "state",
               .description = "those whose attempts are used up",
               .schema = R"({"type":"string","enum":["PARKED"]})"},
              {.name = "page",
               .description = "which page, from 0",
               .schema = number_schema(0, 0),
               .example = "0"},
              {.name = "size",
               .description = "events a page; more than 1000 gives 1000",
               .schema = number_schema(1, kernel::default_page_size),
               .example = "20"}},
         .replies =
             {{.status = 200, .description = "a page of them", .type = "hal", .schema = schema}}}
    );
    result.route.handler = [&system](const Request& request, const Done& done) {
        answer_with(request, done, [&] { return list(system, request); });
    };
    return result;
}

kernel::Endpoint show_endpoint(host::System& system) {
    auto result = endpoint(
        "/parked/{id}",
        {.tag = {},
         .id = "parkedEvent",
         .summary = "One of them, or one that was skipped",
         .parameters = {id_parameter()},
         .replies =
             {item_reply(200, "the event, and why it is held"),
              {.status = 404, .description = "it is not held"}}}
    );
    result.route.handler = [&system](const Request& request, const Done& done) {
        answer_with(request, done, [&] { return show(system, request); });
    };
    return result;
}

constexpr auto counted_schema = R"({
    "type": "object",
    "required": ["module", "count", "parked", "_links"],
    "properties": {
        "module": {"type": "string"},
        "count": {"type": "integer", "minimum": 0},
        "parked": {"type": "integer", "minimum": 0},
        "_links": {"$ref": "#/components/schemas/LinkMap"}
    }
})";

kernel::Operation of_all(
    const host::System& system,
    std::string id,
    std::string summary,
    int status,
    std::string description
) {
    return {
        .tag = {},
        .id = std::move(id),
        .summary = std::move(summary),
        .parameters = {module_parameter(system)},
        .replies =
            {{.status = status,
              .description = std::move(description),
              .type = "hal",
              .schema = counted_schema},
             {.status = 404, .description = "this process hosts no context of that name"}}
    };
}

}  // namespace

std::vector<kernel::Endpoint> parked_endpoints(host::System& system) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(list_endpoint(system));
    endpoints.push_back(show_endpoint(system));
    endpoints.push_back(acting(
        system,
        "/parked/{id}/retry",
        {.tag = {},
         .id = "retryParked",
         .summary = "Try one now",
         .description = "One that is parked gets one more attempt. Those behind it follow when it "
                        "succeeded.",
         .parameters = {id_parameter()},
         .replies =
             {item_reply(202, "it is tried now"),
              {.status = 404, .description = "it is not held"},
              {.status = 409, .description = "it waits behind another of its key, or was skipped"}}
        },
        false,
        retry
    ));
    endpoints.push_back(acting(
        system,
        "/parked/{id}/skip",
        {.tag = {},
         .id = "skipParked",
         .summary = "Give one up",
         .description = "It is never handled, by no rebuild either; the reason is recorded. What "
                        "waited behind it is tried now.",
         .parameters = {id_parameter()},
         .replies =
             {item_reply(200, "it is skipped; also when it was before"),
              {.status = 404, .description = "it is not held"}}},
        true,
        skip
    ));
    endpoints.push_back(acting(
        system,
        "/modules/{name}/parked/retry",
        of_all(system, "retryAllParked", "Try all that a context has parked", 202, "they are"),
        false,
        retry_all
    ));
    endpoints.push_back(acting(
        system,
        "/modules/{name}/parked/skip",
        of_all(
            system,
            "skipAllParked",
            "Give up all that a context has parked",
            200,
            "they are skipped, 10000 at a time"
        ),
        true,
        skip_all
    ));
    return endpoints;
}

}  // namespace bookstore::operations
