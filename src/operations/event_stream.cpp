#include "operations/event_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/nearest.hpp"
#include "kernel/fields.hpp"
#include "kernel/schema.hpp"

namespace bookstore::operations {
namespace {

constexpr std::size_t events_a_piece = 256;

struct Selection {
    std::int64_t behind = 0;  ///< the last position that is not wanted any more
    bool resumes = false;     ///< the client was here before: it says what it saw last
    bus::Types types;
    std::optional<std::string> key;
    bool follow = true;
};

/// Where the log begins and ends, on every answer: a client that was refused goes on from there.
std::vector<http::Header> log_headers(const bus::Topic& topic) {
    return {{"Log-Begin", std::to_string(topic.first())}, {"Log-End", std::to_string(topic.end())}};
}

/// What was asked for is not in the log: `name` is the parameter or header that says it.
http::Problem outside_of_log(
    const bus::Topic& topic, int status, std::string name, std::int64_t position, std::string why
) {
    http::Problem problem{.status = status, .message = why};
    problem.errors.push_back({std::move(name), std::move(why), std::to_string(position)});
    problem.headers = log_headers(topic);
    return problem;
}

/// Nothing when everything behind that position is in the log, or will be.
std::optional<http::Problem> problem_outside_of_log(
    bus::Topic& topic, const std::string& name, std::int64_t named, std::int64_t behind
) {
    if (behind + 1 < topic.first()) {
        return outside_of_log(
            topic,
            410,
            name,
            named,
            fmt::format(
                "the log begins at {}: what was before it is gone; go on from {}, or "
                "from=beginning",
                topic.first(),
                topic.first()
            )
        );
    }
    // An event can be read a moment before end() says so.
    if (behind > topic.end() && !topic.at(behind)) {
        return outside_of_log(
            topic,
            409,
            name,
            named,
            fmt::format(
                "the log ends at {}: {} was never in it, or it was restored; begin anew with "
                "from=beginning or from=end",
                topic.end(),
                named
            )
        );
    }
    return std::nullopt;
}

/// Where to begin: behind which position.
std::expected<void, http::Problem> read_begin(
    const http::Request& request, bus::Topic& topic, Selection& selection
) {
    if (const auto last = request.header("Last-Event-ID"); last && !last->empty()) {
        const auto position = kernel::parse_integer(*last);
        if (!position) {
            return std::unexpected(kernel::bad_parameter(
                "Last-Event-ID", *last, "must be a position: the id of the last event that was seen"
            ));
        }
        selection.behind = *position;
        selection.resumes = true;
        if (auto problem = problem_outside_of_log(topic, "Last-Event-ID", *position, *position)) {
            return std::unexpected(std::move(*problem));
        }
        return {};
    }
    const std::string from(
        request.parameter("from").value_or(selection.follow ? "end" : "beginning")
    );
    if (from == "beginning" || from == "end") {
        selection.behind = from == "end" ? topic.end() : topic.first() - 1;
        return {};
    }
    const auto position = kernel::parse_integer(from);
    if (!position) {
        return std::unexpected(kernel::bad_parameter(
            "from", from, "must be beginning, end, or a position (a whole number)"
        ));
    }
    selection.behind = *position == 0 ? topic.first() - 1 : *position - 1;
    if (*position > 0) {
        if (auto problem = problem_outside_of_log(topic, "from", *position, selection.behind)) {
            return std::unexpected(std::move(*problem));
        }
    }
    return {};
}

/// ?type=A,B and ?type=A&type=B are the same.
std::expected<bus::Types, http::Problem> read_types(
    const http::Request& request, const bus::Types& known
) {
    bus::Types types;
    for (const auto& [name, value] : request.query) {
        if (name != "type") {
            continue;
        }
        std::string_view rest = value;
        for (bool more = true; more;) {  // an empty word, too, is one that names no type
            const auto comma = rest.find(',');
            const std::string_view type = rest.substr(0, comma);
            more = comma != rest.npos;
            rest.remove_prefix(more ? comma + 1 : rest.size());
            if (std::ranges::find(known, type) == known.end()) {
                return std::unexpected(kernel::bad_parameter(
                    "type",
                    type,
                    fmt::format(
                        "names no type of event; the nearest is {}", nearest_word(type, known)
                    )
                ));
            }
            types.emplace_back(type);
        }
    }
    return types;
}

std::expected<Selection, http::Problem> read_selection(
    const http::Request& request, bus::Topic& topic, const bus::Types& known
) {
    Selection selection;
    const std::string follow(request.parameter("follow").value_or("true"));
    if (follow != "true" && follow != "false") {
        return std::unexpected(kernel::bad_parameter("follow", follow, "must be true or false"));
    }
    selection.follow = follow == "true";
    auto types = read_types(request, known);
    if (!types) {
        return std::unexpected(std::move(types.error()));
    }
    selection.types = std::move(*types);
    if (const auto key = request.parameter("key")) {
        selection.key = std::string(*key);
    }
    if (auto begun = read_begin(request, topic, selection); !begun) {
        return std::unexpected(std::move(begun.error()));
    }
    return selection;
}

class EventStream final : public http::Stream {
  public:
    EventStream(bus::Topic& topic, Selection selection)
        : topic_(topic), selection_(std::move(selection)), end_(topic.end()) {}

    State next(std::string& out) override {
        auto batch = topic_.read(selection_.behind, selection_.types, events_a_piece);
        if (topic_.first() > selection_.behind + 1) {
            return State::end;  // cut meanwhile: who comes back with the last id is told
        }
        const bool moved = batch.scanned > selection_.behind;
        selection_.behind = batch.scanned;
        for (const auto& event : batch.events) {
            if (!selection_.follow && event->position > end_) {
                return ended(out);
            }
            if (!selection_.key || *selection_.key == event->key) {
                sent_ = event->position;
                fmt::format_to(
                    std::back_inserter(out),
                    "id: {}\nevent: {}\ndata: {}\n\n",
                    event->position,
                    event->type,
                    event->payload
                );
            }
        }
        if (!selection_.follow && (selection_.behind >= end_ || !moved)) {
            return ended(out);
        }
        return moved ? State::more : State::wait;
    }

    void on_ready(std::function<void()> wake) override {
        listening_ =
            topic_.listen(selection_.types, [wake = std::move(wake)](std::int64_t) { wake(); });
    }

    std::string_view heartbeat() const override { return ": still here\n\n"; }

  private:
    /// An id alone is no event, but whoever comes back says it: then there is nothing to look
    /// through again.
    State ended(std::string& out) const {
        if (sent_ < end_) {
            fmt::format_to(std::back_inserter(out), "id: {}\n\n", end_);
        }
        return State::end;
    }

    bus::Topic& topic_;
    Selection selection_;
    std::int64_t end_;       ///< of the log when the request came
    std::int64_t sent_ = 0;  ///< position of the last event that was sent
    std::shared_ptr<void> listening_;
};

void answer(
    bus::Topic& topic, const bus::Types& known, const http::Request& request, const http::Done& done
) {
    auto selection = read_selection(request, topic, known);
    if (!selection) {
        done(std::move(selection.error()));
        return;
    }
    http::Response response;
    response.headers = log_headers(topic);
    response.headers.push_back({"Cache-Control", "no-store"});
    if (selection->resumes && !selection->follow && selection->behind >= topic.end()) {
        response.status = 204;  // an EventSource does not come back after it
        done(std::move(response));
        return;
    }
    response.content_type = "text/event-stream;charset=UTF-8";
    response.headers.push_back({"X-Accel-Buffering", "no"});
    response.stream = std::make_unique<EventStream>(topic, std::move(*selection));
    done(std::move(response));
}

kernel::Operation events_operation(const bus::Types& known) {
    using kernel::Parameter;
    const kernel::Schema types =
        boost::json::object{{"type", "array"}, {"items", kernel::words_schema(known).json()}};
    return {
        .tag = "process",
        .id = "events",
        .summary = "The events between the contexts, as they come",
        .description =
            "Server-Sent Events: id is the position, event the type, data the JSON "
            "line.",
        .parameters =
            {{.name = "from",
              .description = "beginning, end, or a position, which is included; by default the "
                             "end, and with follow=false the beginning",
              .schema = kernel::text_schema("^(beginning|end|[0-9]{1,15})$"),
              .example = "beginning"},
             {.name = "type",
              .description = "of these types alone, by comma; may be given several times",
              .schema = types,
              .example = boost::json::array{"Ordered"}},
             {.name = "key",
              .description = "of that key alone",
              .schema = kernel::text_schema(),
              .example = "order-1"},
             {.name = "follow",
              .description = "false: ends at the end of the log",
              .schema = kernel::words_schema(std::vector<std::string>{"true", "false"}, "true"),
              .example = "false"},
             {.name = "Last-Event-ID",
              .in = Parameter::In::header,
              .description = "go on behind that position; it wins over from",
              .schema = kernel::text_schema("^[0-9]{1,15}$")}},
        .replies =
            {{.status = 200,
              .description = "the stream",
              .type = "text/event-stream",
              .schema = kernel::text_schema(),
              .headers = {"Log-Begin", "Log-End"}},
             {.status = 204,
              .description = "with follow=false and Last-Event-ID: nothing came since then; an "
                             "EventSource does not ask again",
              .headers = {"Log-Begin", "Log-End"}},
             {.status = 410,
              .description = "the log begins behind that position: what was there was removed",
              .headers = {"Log-Begin", "Log-End"}},
             {.status = 409,
              .description = "the log ends before that position: it is another one, restored or "
                             "begun anew, and so must the client begin",
              .headers = {"Log-Begin", "Log-End"}}}
    };
}

}  // namespace

kernel::Endpoint events_endpoint(bus::Topic& topic, bus::Types known) {
    kernel::Endpoint endpoint{.route = {.audience = http::Role::operators}};
    endpoint.operation = events_operation(known);
    endpoint.route.pattern = "/events";
    endpoint.route.produces = http::Produces::event_stream;
    endpoint.route.handler = [&topic, known = std::move(known)](
                                 const http::Request& request, const http::Done& done
                             ) { answer(topic, known, request, done); };
    return endpoint;
}

}  // namespace bookstore::operations
