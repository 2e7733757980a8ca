#include "observe/logs.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "observe/log_context.hpp"

namespace bookstore::observe {
namespace {

bool as_json = false;  // set once, before other threads run

/// What is no UTF-8 (a request may hold anything) must not break a JSON line.
std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            out += fmt::format("\\x{:02x}", byte);
        }
    }
    return out;
}

std::string_view level_name(spdlog::level::level_enum level) {
    const auto view = spdlog::level::to_string_view(level);
    return {view.data(), view.size()};
}

/// {"time":...,"level":...,"thread":...,"message":...}; a message that begins with '{' is an access
/// line's own fields.
class JsonFormatter final : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        using namespace std::chrono;
        const auto ms = duration_cast<milliseconds>(message.time.time_since_epoch()).count();
        std::string line = R"({"time":")";
        line += iso_timestamp(ms);
        line.insert(line.size() - 1, fmt::format(".{:03}", ms % 1000));
        line += R"(","level":")";
        line += level_name(message.level);
        line += "\",";
        const std::string_view text(message.payload.data(), message.payload.size());
        if (text.starts_with('{')) {
            line += text.substr(1);
        } else {
            line += R"("message":)";
            json::append(line, printable(text));
            if (const LogContext* context = log_context()) {
                line += context_json(*context);
            }
            line += '}';
        }
        line += '\n';
        out.append(line.data(), line.data() + line.size());
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<JsonFormatter>();
    }
};

/// What the thread is doing, behind a line of text.
class ContextFlag final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out)
        override {
        if (const LogContext* context = log_context()) {
            const std::string text = context_text(*context);
            out.append(text.data(), text.data() + text.size());
        }
    }
    std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
        return std::make_unique<ContextFlag>();
    }
};

}  // namespace

void set_up_log(LogFormat format, const std::string& level) {
    as_json = format == LogFormat::json;
    auto logger = std::make_shared<spdlog::logger>(
        "bookstore", std::make_shared<spdlog::sinks::stderr_sink_mt>()
    );
    if (as_json) {
        logger->set_formatter(std::make_unique<JsonFormatter>());
    } else {
        auto formatter = std::make_unique<spdlog::pattern_formatter>();
        formatter->add_flag<ContextFlag>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v%*");
        logger->set_formatter(std::move(formatter));
    }
    logger->set_level(spdlog::level::from_str(level));
    spdlog::set_default_logger(std::move(logger));
}

void log_access(const http::Access& access) {
    if (!spdlog::should_log(spdlog::level::info)) {
        return;
    }
    const double ms = static_cast<double>(access.duration.count()) / 1000;
    if (!as_json) {
        spdlog::info(
            "{} {} {} {:.3f}ms id={} peer={} bytes={}{}{}",
            printable(access.method),
            printable(access.target),
            access.status,
            ms,
            access.request_id,
            access.peer.empty() ? "-" : access.peer,
            access.sent_bytes,
            access.trace.empty() ? "" : " trace=",
            trace_id_of(access.trace)
        );
        return;
    }
    std::string line;
    {
        json::Object fields(line);
        fields.member("message", "request")
            .member("method", printable(access.method))
            .member("path", printable(access.target))
            .member("status", static_cast<std::int64_t>(access.status))
            .member("durationMs", json::Thousandths{access.duration.count()})
            .member("requestId", access.request_id)
            .member("peer", access.peer)
            .member("bytes", static_cast<std::int64_t>(access.sent_bytes));
        if (!access.trace.empty()) {
            fields.member("trace", trace_id_of(access.trace));
        }
    }
    spdlog::info("{}", line);
}

}  // namespace bookstore::observe
