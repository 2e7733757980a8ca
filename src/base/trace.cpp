#include "base/trace.hpp"

#include <fmt/format.h>

namespace bookstore {
namespace {

constexpr std::size_t received_size = 55;  ///< 00-<32>-<16>-<2>
constexpr std::size_t id_size = 32;
constexpr std::size_t span_size = 16;
constexpr std::size_t made_size = 15;
constexpr std::int64_t made_bound = std::int64_t{1} << 60;
/// Nothing is recorded out of band, so nothing is said to be sampled.
constexpr std::string_view not_sampled = "00";

thread_local const LogContext* current = nullptr;

std::string hex(std::uint64_t number, std::size_t digits) {
    std::string text(digits, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, number >>= 4) {
        *digit = "0123456789abcdef"[number & 0xf];
    }
    return text;
}

}  // namespace

std::string new_trace(Random& random) {
    return hex(static_cast<std::uint64_t>(random.below(made_bound - 1) + 1), made_size);
}

std::string trace_id_of(std::string_view trace) {
    if (trace.size() == received_size) {
        return std::string(trace.substr(3, id_size));
    }
    return trace.empty() ? std::string() : fmt::format("{:0>32}", trace);
}

std::string traceparent_of(std::string_view trace) {
    if (trace.empty() || trace.size() == received_size) {
        return std::string(trace);
    }
    const std::string id = trace_id_of(trace);
    return fmt::format("00-{}-{}-{}", id, id.substr(id_size - span_size), not_sampled);
}

std::string traceresponse_of(std::string_view trace, Random& random) {
    const auto child = static_cast<std::uint64_t>(random.below(made_bound - 1) + 1);
    return fmt::format("00-{}-{}-{}", trace_id_of(trace), hex(child, span_size), not_sampled);
}

LogScope::LogScope(const LogContext& context) : before_(current) {
    current = &context;
}

LogScope::~LogScope() {
    current = before_;
}

const LogContext* log_context() {
    return current;
}

std::string current_traceparent() {
    return current == nullptr ? std::string() : traceparent_of(current->trace);
}

}  // namespace bookstore
