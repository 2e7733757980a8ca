#include "http/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/text.hpp"

namespace bookstore::http {

namespace {

bool breaks_line(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && byte != '\t') || byte == 0x7F;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    append_all(out, name, ": ", value, "\r\n");
    const auto end = out.end() - 2;
    std::replace_if(end - static_cast<std::ptrdiff_t>(value.size()), end, breaks_line, ' ');
}

void append_status_line(std::string& out, int status) {
    switch (status) {
        case 200:
            out += "HTTP/1.1 200 OK\r\n";
            return;
        case 201:
            out += "HTTP/1.1 201 Created\r\n";
            return;
        default:
            break;
    }
    append_all(out, "HTTP/1.1 ", Digits(status), " ", reason_phrase(status), "\r\n");
}

}  // namespace

void append_head(std::string& out, const Response& response, const HeadOptions& options) {
    append_status_line(out, response.status);
    append_all(out, "Date: ", options.date, "\r\n");
    if (!response.content_type.empty()) {
        append_field(out, "Content-Type", response.content_type);
    }
    if (options.content_length) {
        append_all(out, "Content-Length: ", Digits(*options.content_length), "\r\n");
    }
    if (options.chunked) {
        out += "Transfer-Encoding: chunked\r\n";
    }
    if (!options.request_id.empty()) {
        append_all(out, "X-Request-Id: ", options.request_id, "\r\n");
    }
    for (const Header& header : response.headers) {
        append_field(out, header.name, header.value);
    }
    switch (options.connection) {
        case HeadOptions::Connection::close:
            out += "Connection: close\r\n";
            break;
        case HeadOptions::Connection::keep_alive:
            out += "Connection: keep-alive\r\n";
            break;
        case HeadOptions::Connection::unsaid:
            break;
    }
    out += "\r\n";
}

bool may_have_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

std::string_view DateClock::now() {
    const std::time_t second = std::time(nullptr);
    if (second != second_) {
        // Not strftime: names of days must not follow the locale.
        constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        constexpr std::array months{
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
        };
        std::tm utc{};
        gmtime_r(&second, &utc);
        text_ = fmt::format(
            "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
            days.at(static_cast<std::size_t>(utc.tm_wday)),
            utc.tm_mday,
            months.at(static_cast<std::size_t>(utc.tm_mon)),
            utc.tm_year + 1900,
            utc.tm_hour,
            utc.tm_min,
            utc.tm_sec
        );
        second_ = second;
    }
    return text_;
}

}  // namespace bookstore::http
