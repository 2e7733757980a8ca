#include "http/request_parser.hpp"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <charconv>

#include "http/target.hpp"
#include "http/text.hpp"

namespace bookstore::http {

namespace beast_http = boost::beast::http;

namespace {

/// A header has no use for more; each costs far more memory than bytes on the wire.
constexpr std::size_t max_fields = 256;
/// Method, version, spaces and line break; methods of ours have seven letters at most.
constexpr std::size_t line_extra_bytes = 64;

Method method_of(beast_http::verb verb) {
    switch (verb) {
        case beast_http::verb::get:
            return Method::get;
        case beast_http::verb::head:
            return Method::head;
        case beast_http::verb::post:
            return Method::post;
        case beast_http::verb::put:
            return Method::put;
        case beast_http::verb::patch:
            return Method::patch;
        case beast_http::verb::delete_:
            return Method::del;
        case beast_http::verb::options:
            return Method::options;
        case beast_http::verb::trace:
            return Method::trace;
        case beast_http::verb::connect:
            return Method::connect;
        default:
            return Method::other;
    }
}

/// Whether the line has another version of HTTP than ours in the version's place: then it is a 505
/// instead of a 400. Beast judges it as soon as it is there, so nothing after it counts.
bool has_other_http_version(std::string_view line) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto skip_word = [&] {
        line.remove_prefix(std::min(line.find(' '), line.size()));
        line.remove_prefix(line.empty() ? 0 : 1);
    };
    skip_word();  // the method
    skip_word();  // the target
    const auto version = line.substr(0, std::string_view("HTTP/2.0").size());
    return version.starts_with("HTTP/") && version.size() == 8 && is_digit(version[5]) &&
           version[6] == '.' && is_digit(version[7]) && version != "HTTP/1.0" &&
           version != "HTTP/1.1";
}

/// Whether a line goes on in the next. RFC 9112 5.2 lets us refuse that: where a proxy before us
/// sees another field than we do, requests are smuggled. Beast takes such lines only together.
bool has_fold(std::string_view lines) {
    for (auto at = lines.find('\n'); at != lines.npos; at = lines.find('\n', at + 1)) {
        if (at + 1 < lines.size() && (lines[at + 1] == ' ' || lines[at + 1] == '\t')) {
            return true;
        }
    }
    return false;
}

std::string_view reason_of(boost::beast::error_code ec) {
    using beast_http::error;
    if (ec == error::bad_line_ending) {
        return "A line does not end with CR LF.";
    }
    if (ec == error::bad_method) {
        return "The request line does not start with a method.";
    }
    if (ec == error::bad_target) {
        return "The request line's target is malformed.";
    }
    if (ec == error::bad_version) {
        return "The request line does not end with an HTTP version.";
    }
    if (ec == error::bad_field) {
        return "A header field's name is malformed.";
    }
    if (ec == error::bad_value) {
        return "A header field's value is malformed.";
    }
    if (ec == error::bad_content_length || ec == error::multiple_content_length) {
        return "Content-Length is not one number, or stands beside Transfer-Encoding.";
    }
    if (ec == error::bad_transfer_encoding) {
        return "Transfer-Encoding is there twice or beside Content-Length.";
    }
    return "The request's header is malformed.";
}

}  // namespace

RequestParser::RequestParser(Request& request, HeaderLimits limits)
    : request_(request), limits_(limits) {
    body_limit(boost::none);  // a large body is the connection's to refuse
    // Beast's limit counts only what one call sees; check_size() counts it all.
    header_limit(
        static_cast<std::uint32_t>(limits.fields_bytes + limits.target_bytes + 2 * line_extra_bytes)
    );
}

RequestParser::State RequestParser::put(std::string_view& in) {
    error_code ec;
    const std::size_t used = basic_parser::put({in.data(), in.size()}, ec);
    taken_bytes_ += used;
    const std::string_view unread = in.substr(used);
    if (failed_) {
        return State::failed;
    }
    if (ec && ec != beast_http::error::need_more && ec != beast_http::error::header_limit) {
        return fail_with(ec, in);
    }
    if (has_fold(in.substr(0, used))) {
        return fail(400, "A header field goes on in a second line.");
    }
    in = unread;
    const bool done = !ec && is_header_done();
    const State size = check_size(done ? std::string_view() : unread);
    if (size == State::failed) {
        return size;
    }
    if (ec == beast_http::error::header_limit) {
        return fail(431, "The header is too large.");
    }
    if (done) {
        return check_framing();
    }
    // Beast waits for the eight characters of a version even where the header ends before.
    if (line_bytes_ == 0 && unread.find("\r\n\r\n") != unread.npos) {
        return fail_with(beast_http::error::bad_version, unread);
    }
    return State::more;
}

bool RequestParser::keep_alive() const {
    if (wants_close_) {
        return false;
    }
    return version_ >= 11 || wants_keep_alive_;
}

void RequestParser::on_request_impl(
    beast_http::verb method,
    string_view method_name,
    string_view target,
    int version,
    error_code& ec
) {
    line_bytes_ = method_name.size() + target.size() + sizeof("  HTTP/1.1\r\n") - 1;
    version_ = version;
    request_.method = method_of(method);
    method_name_ = method_name.substr(0, line_extra_bytes);
    request_.target.assign(target.data(), target.size());
    if (target.size() > limits_.target_bytes) {
        fail(414, "The target is too long.");
        ec = beast_http::error::bad_target;
    } else if (line_bytes_ > max_line_bytes() + 2) {
        fail(400, std::string(reason_of(beast_http::error::bad_method)));
        ec = beast_http::error::bad_method;
    }
}

void RequestParser::on_field_impl(
    beast_http::field field, string_view name, string_view value, error_code& ec
) {
    if (request_.headers.size() == max_fields) {
        fail(431, "The header has too many fields.");
        ec = beast_http::error::bad_field;
        return;
    }
    request_.headers.emplace_back(std::string(name), std::string(value));
    const std::string_view text = request_.headers.back().value;
    switch (field) {
        case beast_http::field::host:
            ++hosts_;
            request_.host = text;
            break;
        case beast_http::field::connection:
            take_connection(text);
            break;
        case beast_http::field::content_length:
            take_content_length(text);
            break;
        case beast_http::field::transfer_encoding:
            take_transfer_encoding(text);
            break;
        case beast_http::field::expect:
            take_expect(text);
            break;
        default:
            break;
    }
}

void RequestParser::take_connection(std::string_view value) {
    while (const auto option = next_element(value)) {
        wants_close_ = wants_close_ || equal_ignoring_case(*option, "close");
        wants_keep_alive_ = wants_keep_alive_ || equal_ignoring_case(*option, "keep-alive");
    }
}

void RequestParser::take_content_length(std::string_view value) {
    ++lengths_;
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    bad_length_ = bad_length_ || error != std::errc() || end != value.data() + value.size();
    content_length_ = length;
}

void RequestParser::take_transfer_encoding(std::string_view value) {
    ++encodings_;
    unknown_encoding_ = unknown_encoding_ || !equal_ignoring_case(value, "chunked");
}

void RequestParser::take_expect(std::string_view value) {
    // RFC 9110 10.1.1: not for HTTP/1.0, which knows no 100.
    if (version_ < 11) {
        return;
    }
    const bool known = equal_ignoring_case(value, "100-continue");
    expects_continue_ = expects_continue_ || known;
    unknown_expectation_ = unknown_expectation_ || !known;
}

/// Without its line break.
std::size_t RequestParser::max_line_bytes() const {
    return limits_.target_bytes + line_extra_bytes;
}

RequestParser::State RequestParser::fail(int status, std::string message) {
    if (!failed_) {
        problem_ = Problem{status, std::move(message), {}, {}};
    }
    failed_ = true;
    return State::failed;
}

RequestParser::State RequestParser::fail_with(error_code ec, std::string_view unread) {
    if (ec == beast_http::error::bad_version && has_other_http_version(unread)) {
        return fail(505, "This server speaks HTTP/1.1 and HTTP/1.0.");
    }
    return fail(400, std::string(reason_of(ec)));
}

/// `unread` is what was received of the header and not parsed yet.
RequestParser::State RequestParser::check_size(std::string_view unread) {
    std::size_t line_bytes = line_bytes_;
    if (line_bytes == 0) {
        // Of a header in pieces Beast takes the line only when the header is complete.
        const std::size_t end = std::min(unread.find('\r'), unread.size());
        if (end > max_line_bytes()) {
            if (unread.find(' ') < line_extra_bytes) {
                return fail(414, "The target is too long.");
            }
            return fail(400, std::string(reason_of(beast_http::error::bad_method)));
        }
        line_bytes = std::min(end + 2, unread.size());
    }
    if (taken_bytes_ + unread.size() - line_bytes <= limits_.fields_bytes) {
        return State::more;
    }
    return fail(431, "The header fields are too large.");
}

RequestParser::State RequestParser::check_framing() {
    if (encodings_ > 0 && version_ < 11) {
        return fail(400, "HTTP/1.0 has no Transfer-Encoding.");
    }
    if (encodings_ > 1 || unknown_encoding_) {
        return fail(501, "The only Transfer-Encoding here is chunked.");
    }
    if (lengths_ > 1 || bad_length_) {
        return fail(400, "Content-Length is not one number.");
    }
    if (lengths_ > 0 && encodings_ > 0) {
        return fail(400, "Content-Length stands beside Transfer-Encoding.");
    }
    if (hosts_ > 1) {
        return fail(400, "There is more than one Host.");
    }
    if (hosts_ == 0 && version_ >= 11) {
        return fail(400, "There is no Host.");
    }
    if (!request_.host.empty() && !is_valid_host(request_.host)) {
        return fail(400, "Host is malformed.");
    }
    if (unknown_expectation_) {
        return fail(417, "The only Expect here is 100-continue.");
    }
    return check_target();
}

RequestParser::State RequestParser::check_target() {
    auto target = http::parse_target(request_.target);
    if (!target) {
        // CONNECT's target, say: the router will refuse the method.
        if (request_.method == Method::other || request_.method == Method::connect) {
            return State::done;
        }
        return fail(400, std::move(target.error()));
    }
    request_.path = std::move(target->path);
    request_.literal_slashes = std::move(target->literal_slashes);
    request_.query = std::move(target->query);
    if (!target->host.empty()) {
        request_.host = std::move(target->host);
        request_.scheme = std::move(target->scheme);
    }
    return State::done;
}

}  // namespace bookstore::http
