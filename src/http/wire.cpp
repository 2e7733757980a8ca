#include "http/wire.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace bookstore::http {

namespace {

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 20> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out.append(digits.data(), end);
}

void append_text(std::string& out, std::string_view text) {
    const std::size_t start = out.size();
    out += text;
    for (std::size_t i = start; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        if ((byte < ' ' && byte != '\t') || byte == 0x7F) out[i] = ' ';
    }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    append_text(out, name);
    out += ": ";
    append_text(out, value);
    out += "\r\n";
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
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::uint64_t>(status));
    out += ' ';
    out += reason_phrase(status);
    out += "\r\n";
}

}  // namespace

void append_head(std::string& out, const Response& response, const HeadOptions& options) {
    append_status_line(out, response.status);
    out += "Date: ";
    out += options.date;
    out += "\r\n";
    if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
    if (options.content_length) {
        out += "Content-Length: ";
        append_number(out, *options.content_length);
        out += "\r\n";
    }
    if (options.chunked) out += "Transfer-Encoding: chunked\r\n";
    if (!options.request_id.empty()) {
        out += "X-Request-Id: ";
        out += options.request_id;
        out += "\r\n";
    }
    for (const Header& header : response.headers) append_field(out, header.name, header.value);
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
