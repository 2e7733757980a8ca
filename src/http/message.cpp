#include "http/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "http/text.hpp"

namespace bookstore::http {

namespace {

constexpr std::size_t max_rejected_characters = 100;

std::string timestamp(std::int64_t now_ms) {
    using namespace std::chrono;
    const sys_time<milliseconds> when{milliseconds{now_ms}};
    const auto day = floor<days>(when);
    const year_month_day date{day};
    const hh_mm_ss time{when - day};
    return fmt::format(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        time.hours().count(),
        time.minutes().count(),
        time.seconds().count(),
        time.subseconds().count()
    );
}

/// The first `count` characters (not bytes) of a UTF-8 text.
std::string_view first_characters(std::string_view text, std::size_t count) {
    const auto starts_character = [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!starts_character(text[i])) continue;
        if (count == 0) return text.substr(0, i);
        --count;
    }
    return text;
}

void append_errors(std::string& body, const std::vector<FieldError>& errors) {
    body += ",\"errors\":[";
    for (const FieldError& error : errors) {
        if (&error != &errors.front()) body += ',';
        body += "{\"field\":";
        append_json_string(body, error.field);
        body += ",\"message\":";
        append_json_string(body, error.message);
        body += ",\"rejectedValue\":";
        if (error.rejected_value) {
            append_json_string(
                body, first_characters(*error.rejected_value, max_rejected_characters)
            );
        } else {
            body += "null";
        }
        body += '}';
    }
    body += ']';
}

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
        case Method::other:
            break;
    }
    return "?";
}

std::optional<std::string_view> Request::header(std::string_view name) const {
    for (const Header& header : headers) {
        if (equal_ignoring_case(header.name, name)) return header.value;
    }
    return std::nullopt;
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
    const auto found = std::ranges::find(query, name, [](const auto& pair) -> std::string_view {
        return pair.first;
    });
    if (found == query.end()) return std::nullopt;
    return found->second;
}

Response render_problem(const Problem& problem, std::string_view path, std::int64_t now_ms) {
    Response response;
    response.status = problem.status;
    response.content_type = "application/json;charset=UTF-8";
    response.headers = problem.headers;
    std::string& body = response.body;
    body.reserve(160 + problem.message.size() + path.size());
    fmt::format_to(
        std::back_inserter(body),
        R"({{"timestamp":"{}","status":{},"error":"{}","message":)",
        timestamp(now_ms),
        problem.status,
        reason_phrase(problem.status)
    );
    append_json_string(body, problem.message);
    body += ",\"path\":";
    append_json_string(body, path);
    if (!problem.errors.empty()) append_errors(body, problem.errors);
    body += '}';
    return response;
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 101:
            return "Switching Protocols";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 203:
            return "Non-Authoritative Information";
        case 204:
            return "No Content";
        case 205:
            return "Reset Content";
        case 206:
            return "Partial Content";
        case 300:
            return "Multiple Choices";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 305:
            return "Use Proxy";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 402:
            return "Payment Required";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 407:
            return "Proxy Authentication Required";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Range Not Satisfiable";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 426:
            return "Upgrade Required";
        case 428:
            return "Precondition Required";  // RFC 6585, as are the next two
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Unknown";
    }
}

}  // namespace bookstore::http
