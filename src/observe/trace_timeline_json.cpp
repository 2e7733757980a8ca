#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/trace.hpp"
#include "observe/trace_timeline.hpp"

namespace bookstore::observe {
namespace {

using Kind = TimelineEntry::Kind;

std::string_view word_of(Kind kind) {
    switch (kind) {
        case Kind::request:
            return "request";
        case Kind::event:
            return "event";
        case Kind::handler:
            return "handler";
        case Kind::task:
            return "task";
    }
    return "";
}

class Object {
  public:
    explicit Object(std::string& out) : out_(out) { out_ += '{'; }
    ~Object() { out_ += '}'; }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    template <class T>
    Object& field(std::string_view name, const T& value) {
        json::append(begin(name), value);
        return *this;
    }
    /// Its value is written behind it.
    std::string& begin(std::string_view name) {
        out_ += first_ ? "\"" : ",\"";
        first_ = false;
        out_ += name;
        out_ += "\":";
        return out_;
    }

  private:
    std::string& out_;
    bool first_ = true;
};

template <class T, class F>
void append_list(std::string& out, const std::vector<T>& list, F append) {
    out += '[';
    for (const T& item : list) {
        append(item);
        out += ',';
    }
    if (!list.empty()) {
        out.pop_back();
    }
    out += ']';
}

void append_entry(
    std::string& out, const TimelineEntry& entry, std::int64_t start_ms, std::int64_t before_ms
) {
    const auto took = entry.until_ms
                          ? std::optional(std::max<std::int64_t>(*entry.until_ms - entry.at_ms, 0))
                          : std::nullopt;
    Object(out)
        .field("at_ms", entry.at_ms)
        .field("since_start_ms", entry.at_ms - start_ms)
        .field("gap_ms", entry.at_ms - before_ms)
        .field("took_ms", took)
        .field("kind", word_of(entry.kind))
        .field("name", entry.name)
        .field("context", entry.context)
        .field("position", entry.position)
        .field("trace_id", trace_id_of(entry.trace))
        .field("detail", entry.detail);
}

}  // namespace

std::string timeline_json(const Timeline& timeline, const std::string& base_url) {
    const auto& entries = timeline.entries;
    const std::int64_t start_ms = entries.empty() ? 0 : entries.front().at_ms;
    const std::int64_t end_ms = entries.empty() ? 0 : entries.back().at_ms;
    std::string out;
    {
        Object body(out);
        body.field("orderId", timeline.order_id)
            .field("orderStatus", timeline.order_status)
            .field("start_ms", start_ms)
            .field("lasted_ms", end_ms - start_ms);
        body.begin("entries");
        std::int64_t before_ms = start_ms;
        append_list(out, entries, [&](const TimelineEntry& entry) {
            append_entry(out, entry, start_ms, before_ms);
            before_ms = entry.at_ms;
        });
        body.begin("waiting");
        append_list(out, timeline.waits, [&](const TimelineWait& wait) {
            Object(out)
                .field("name", wait.name)
                .field("context", wait.context)
                .field("detail", wait.detail)
                .field("attempts", wait.attempts)
                .field("next_try_ms", wait.next_try_ms);
        });
        body.field("complete", timeline.missing.empty());
        body.begin("missing");
        append_list(out, timeline.missing, [&](const std::string& what) {
            json::append(out, what);
        });
        body.begin("_links");
        const std::string order = fmt::format("/orders/{}", timeline.order_id);
        Object links(out);
        links.begin("self");
        Object(out).field("href", base_url + "/trace" + order);
        links.begin("order");
        Object(out).field("href", base_url + order);
    }
    return out;
}

}  // namespace bookstore::observe
