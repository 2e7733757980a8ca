#include "observe/log_context.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/key.hpp"

namespace bookstore::observe {
namespace {

/// Calls f(name, value) for what the line is about.
template <class F>
void name_subject(const LogContext& context, F f) {
    const Key key = context.key.empty() ? context.subject : parse_key(context.key).value_or(Key{});
    if (key.kind == "order" && key.id != 0) {
        f("order", std::to_string(key.id));
    } else if (!context.key.empty()) {
        f("key", context.key);
    } else if (key.id != 0) {
        f("key", text_of(key));
    }
}

/// Calls f(name, value) for what the context knows.
template <class F>
void for_each_part(const LogContext& context, F f) {
    name_subject(context, f);
    const std::string id = trace_id_of(context.trace);
    for (const auto& [name, value] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {"event", context.event}, {"task", context.task}, {"trace", id}
         }) {
        if (!value.empty()) {
            f(name, value);
        }
    }
}

}  // namespace

std::string context_text(const LogContext& context) {
    std::string text;
    for_each_part(context, [&text](std::string_view name, std::string_view value) {
        text += fmt::format(" {}={}", name, value);
    });
    return text;
}

void add_context(json::Object& line, const LogContext& context) {
    for_each_part(context, [&line](std::string_view name, std::string_view value) {
        if (name == "order") {
            line.raw(name, value);  // a number
        } else {
            line.member(name, value);
        }
    });
}

}  // namespace bookstore::observe
