#include "http/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "http/text.hpp"

namespace bookstore::http {

namespace {

constexpr std::size_t max_rejected_characters = 100;

void append_errors(json::Object& body, const std::vector<FieldError>& errors) {
    json::Array list = body.array("errors");
    for (const FieldError& error : errors) {
        json::Object object = list.object();
        object.untrusted("field", error.field).untrusted("message", error.message);
        if (error.rejected_value) {
            object.untrusted(
                "rejectedValue",
                utf8::first_characters(*error.rejected_value, max_rejected_characters)
            );
        } else {
            object.member("rejectedValue", std::nullopt);
        }
    }
}

struct Reason {
    int status;
    std::string_view phrase;
};

/// RFC 9110 and 6585, by status.
constexpr Reason reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

}  // namespace

std::string_view name_of(Method method) {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
        case Method::patch:
            return "PATCH";
        case Method::del:
            return "DELETE";
        case Method::options:
            return "OPTIONS";
        case Method::trace:
            return "TRACE";
        case Method::connect:
            return "CONNECT";
        case Method::other:
            break;
    }
    return "?";
}

std::optional<std::string_view> Request::header(std::string_view name) const {
    for (const Header& header : headers) {
        if (equal_ignoring_case(header.name, name)) {
            return header.value;
        }
    }
    return std::nullopt;
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
    const auto found = std::ranges::find(query, name, [](const auto& pair) -> std::string_view {
        return pair.first;
    });
    if (found == query.end()) {
        return std::nullopt;
    }
    return found->second;
}

namespace {

/// A path that was decoded, as a URI reference again.
std::string uri_reference(std::string_view path) {
    std::string out;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter || (c >= '0' && c <= '9') ||
            std::string_view("/-._~!$&'()*+,;=:@").find(c) != std::string_view::npos) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
        }
    }
    return out;
}

void append_error(
    json::Object& object, const Problem& problem, std::string_view path, std::int64_t now_ms
) {
    object.raw("timestamp", "\"", iso_milliseconds(now_ms), "+0000\"")
        .member("status", static_cast<std::int64_t>(problem.status))
        .raw("error", "\"", reason_phrase(problem.status), "\"")
        .untrusted("message", problem.message)
        .untrusted("path", path);
}

/// RFC 9457. No status of ours has a type of its own: "about:blank" says that title and status are
/// HTTP's.
void append_problem_details(json::Object& object, const Problem& problem, std::string_view path) {
    object.raw("type", "\"about:blank\"")
        .raw("title", "\"", reason_phrase(problem.status), "\"")
        .member("status", static_cast<std::int64_t>(problem.status))
        .untrusted("detail", problem.message);
    if (!path.empty()) {
        object.member("instance", uri_reference(path));
    }
}

}  // namespace

Response render_problem(
    const Problem& problem, std::string_view path, std::int64_t now_ms, ProblemForm form
) {
    Response response;
    response.status = problem.status;
    const bool details = form == ProblemForm::problem_json;
    response.content_type = details ? "application/problem+json" : "application/json;charset=UTF-8";
    response.headers = problem.headers;
    response.body.reserve(160 + problem.message.size() + path.size());
    {
        json::Object object(response.body);
        if (details) {
            append_problem_details(object, problem, path);
        } else {
            append_error(object, problem, path, now_ms);
        }
        if (!problem.errors.empty()) {
            append_errors(object, problem.errors);
        }
    }
    return response;
}

std::string_view reason_phrase(int status) {
    const auto found = std::ranges::lower_bound(reasons, status, {}, &Reason::status);
    return found != std::end(reasons) && found->status == status ? found->phrase : "Unknown";
}

}  // namespace bookstore::http
