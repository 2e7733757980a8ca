#include "observe/logs.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "http/authentication.hpp"
#include "observe/log_context.hpp"

namespace bookstore::observe {
namespace {

bool as_json = false;  // set once, before other threads run

/// What the line that this thread writes is the access line of; null: none.
thread_local const http::Access* access_of_line = nullptr;

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

/// One word of a line of text: a subject is anything that an issuer has signed.
std::string word_of(std::string_view text) {
    std::string word = printable(text);
    std::ranges::replace(word, ' ', '_');
    return word;
}

std::string_view level_name(spdlog::level::level_enum level) {
    const auto view = spdlog::level::to_string_view(level);
    return {view.data(), view.size()};
}

std::string timestamp_of(const spdlog::details::log_msg& message) {
    using namespace std::chrono;
    const auto ms = duration_cast<milliseconds>(message.time.time_since_epoch()).count();
    return iso_milliseconds(ms) + "Z";
}

/// Who asked, where that is known.
std::string_view subject_of(const http::Access& access) {
    const bool known = access.request != nullptr && access.request->identity != nullptr;
    return known ? std::string_view(access.request->identity->subject) : std::string_view();
}

void add_access(json::Object& line, const http::Access& access) {
    line.member("method", printable(access.method))
        .member("path", printable(access.target))
        .member("status", static_cast<std::int64_t>(access.status))
        .member("durationMs", json::Thousandths{access.duration.count()})
        .member("requestId", access.request_id)
        .member("peer", access.peer)
        .member("bytes", static_cast<std::int64_t>(access.sent_bytes));
    if (const std::string_view subject = subject_of(access); !subject.empty()) {
        line.member("subject", printable(subject));
    }
    if (!access.trace.empty()) {
        line.member("trace", trace_id_of(access.trace));
    }
}

/// An object a line: time, level, message, and what the line is about.
class JsonFormatter final : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const std::string_view text(message.payload.data(), message.payload.size());
        std::string line;
        {
            json::Object fields(line);
            fields.member("time", timestamp_of(message))
                .member("level", level_name(message.level))
                .member("message", printable(text));
            if (access_of_line != nullptr) {
                add_access(fields, *access_of_line);
            } else if (const LogContext* context = log_context()) {
                add_context(fields, *context);
            }
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
    if (as_json) {
        access_of_line = &access;
        spdlog::info("request");
        access_of_line = nullptr;
        return;
    }
    const std::string_view subject = subject_of(access);
    spdlog::info(
        "{} {} {} {:.3f}ms id={} peer={} bytes={}{}{}{}{}",
        printable(access.method),
        printable(access.target),
        access.status,
        static_cast<double>(access.duration.count()) / 1000,
        access.request_id,
        access.peer.empty() ? "-" : access.peer,
        access.sent_bytes,
        subject.empty() ? "" : " subject=",
        word_of(subject),
        access.trace.empty() ? "" : " trace=",
        trace_id_of(access.trace)
    );
}

}  // namespace bookstore::observe
