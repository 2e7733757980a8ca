#include "operations/event_stream.hpp"

#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "kernel/fields.hpp"
#include "kernel/schema.hpp"

namespace bookstore::operations {
namespace {

constexpr std::size_t events_a_piece = 256;

struct Selection {
    std::int64_t behind = 0;  ///< the first position that is not wanted any more
    bus::Types types;
    std::optional<std::string> key;
    bool follow = true;
};

/// Where to begin: behind which position.
std::expected<std::int64_t, http::Problem> begin_of(
    const http::Request& request, std::int64_t end, bool follow
) {
    if (const auto last = request.header("Last-Event-ID"); last && !last->empty()) {
        if (const auto position = kernel::parse_integer(*last)) {
            return *position;
        }
        return std::unexpected(kernel::bad_parameter(
            "Last-Event-ID", *last, "must be a position: the id of the last event that was seen"
        ));
    }
    const std::string from(request.parameter("from").value_or(follow ? "end" : "beginning"));
    if (from == "beginning") {
        return 0;
    }
    if (from == "end") {
        return end;
    }
    if (const auto position = kernel::parse_integer(from)) {
        return *position == 0 ? 0 : *position - 1;
    }
    return std::unexpected(kernel::bad_parameter(
        "from", from, "must be beginning, end, or a position (a whole number)"
    ));
}

std::expected<Selection, http::Problem> read_selection(
    const http::Request& request, std::int64_t end
) {
    Selection selection;
    const std::string follow(request.parameter("follow").value_or("true"));
    if (follow != "true" && follow != "false") {
        return std::unexpected(kernel::bad_parameter("follow", follow, "must be true or false"));
    }
    selection.follow = follow == "true";
    for (const auto& [name, value] : request.query) {
        if (name == "type") {
            selection.types.push_back(value);
        }
    }
    if (const auto key = request.parameter("key")) {
        selection.key = std::string(*key);
    }
    auto behind = begin_of(request, end, selection.follow);
    if (!behind) {
        return std::unexpected(std::move(behind.error()));
    }
    selection.behind = *behind;
    return selection;
}

class EventStream final : public http::Stream {
  public:
    EventStream(bus::Topic& topic, Selection selection)
        : topic_(topic), selection_(std::move(selection)), end_(topic.end()) {}

    State next(std::string& out) override {
        auto batch = topic_.read(selection_.behind, selection_.types, events_a_piece);
        const bool moved = batch.scanned > selection_.behind;
        selection_.behind = batch.scanned;
        for (const auto& event : batch.events) {
            if (!selection_.follow && event->position > end_) {
                return State::end;
            }
            if (!selection_.key || *selection_.key == event->key) {
                fmt::format_to(
                    std::back_inserter(out),
                    "id: {}\nevent: {}\ndata: {}\n\n",
                    event->position,
                    event->type,
                    event->payload
                );
            }
        }
        if (!selection_.follow && selection_.behind >= end_) {
            return State::end;
        }
        return moved ? State::more : selection_.follow ? State::wait : State::end;
    }

    void on_ready(std::function<void()> wake) override {
        listening_ =
            topic_.listen(selection_.types, [wake = std::move(wake)](std::int64_t) { wake(); });
    }

    std::string_view heartbeat() const override { return ": still here\n\n"; }

  private:
    bus::Topic& topic_;
    Selection selection_;
    std::int64_t end_;  ///< of the log when the request came
    std::shared_ptr<void> listening_;
};

void answer(bus::Topic& topic, const http::Request& request, const http::Done& done) {
    auto selection = read_selection(request, topic.end());
    if (!selection) {
        done(std::move(selection.error()));
        return;
    }
    http::Response response;
    response.content_type = "text/event-stream;charset=UTF-8";
    response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    response.stream = std::make_unique<EventStream>(topic, std::move(*selection));
    done(std::move(response));
}

}  // namespace

kernel::Endpoint events_endpoint(bus::Topic& topic) {
    using kernel::Parameter;
    kernel::Endpoint endpoint;
    endpoint.route.pattern = "/events";
    endpoint.route.produces = http::Produces::event_stream;
    endpoint.route.handler = [&topic](const http::Request& request, const http::Done& done) {
        answer(topic, request, done);
    };
    endpoint.operation = {
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
              .description = "of that type alone; may be given several times",
              .schema = kernel::schema_of<bus::Types>(),
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
              .schema = kernel::text_schema()}}
    };
    return endpoint;
}

}  // namespace bookstore::operations
