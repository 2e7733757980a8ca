#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "http/chunked.hpp"
#include "http/cors.hpp"
#include "http/forwarded.hpp"
#include "http/message.hpp"
#include "http/read_buffer.hpp"
#include "http/request_parser.hpp"
#include "http/router.hpp"
#include "http/text.hpp"
#include "http/wire.hpp"

namespace bookstore::fuzz {
namespace {

using http::Answer;
using http::ChunkDecoder;
using http::Consumes;
using http::Header;
using http::Method;
using http::Problem;
using http::Produces;
using http::ReadBuffer;
using http::Request;
using http::RequestParser;
using http::Response;
using http::Route;

// Small, so that inputs of a few hundred bytes reach them.
constexpr http::HeaderLimits limits{.fields_bytes = 512, .target_bytes = 128};
constexpr std::size_t max_body_bytes = 256;
constexpr std::size_t max_extra_bytes = 64;
constexpr std::size_t max_buffer_bytes = 64 << 10;

// ---- the routes

/// What the handlers have been called with.
struct Calls {
    const Route* route = nullptr;
    unsigned count = 0;
};

Calls& calls() {
    static Calls seen;
    return seen;
}

/// Shows all that came from outside wherever a handler may put it.
Answer echo(const Request& request, const Route& route) {
    std::vector<Header> headers{
        {"Location", request.base_url() + request.path}, {"X-Body", request.body}
    };
    for (const auto& [name, value] : request.query) {
        headers.push_back({"X-Parameter", value});
    }
    for (const Header& header : request.headers) {
        headers.push_back({"X-Echo", header.value});
    }
    if (!request.captures.empty() && request.captures[0].size() > 3) {
        Problem problem{400, request.captures[0], {}, std::move(headers)};
        problem.errors.push_back({"id", request.path, request.body});
        problem.errors.push_back({"missing", request.target, std::nullopt});
        return problem;
    }
    Response response;
    response.status = route.produces == Produces::nothing ? 204 : 201;
    response.headers = std::move(headers);
    if (response.status == 201) {
        response.content_type = "text/plain";
    }
    response.body = request.body;
    return response;
}

/// The shape of the real table: collections, items, finders, actions, and what stands alone.
std::vector<Route> routes() {
    std::vector<Route> table;
    const auto add = [&](Method method,
                         std::string pattern,
                         Produces produces = Produces::hal,
                         Consumes consumes = Consumes::nothing,
                         bool head = true) {
        table.push_back(
            {.audience = http::Audience::everybody,
             .method = method,
             .pattern = std::move(pattern),
             .produces = produces,
             .consumes = consumes,
             .head = head,
             .handler = {}}
        );
    };
    add(Method::get, "/");
    for (const std::string name : {"customers", "books", "orders", "deliveries", "payments"}) {
        const std::string item = "/" + name + "/{id}";
        add(Method::get, "/" + name);
        add(Method::post, "/" + name, Produces::hal, Consumes::json);
        add(Method::get, item);
        add(Method::put, item, Produces::hal, Consumes::json);
        add(Method::patch, item, Produces::hal, Consumes::merge_patch);
        add(Method::del, item, Produces::nothing);
        add(Method::get, "/" + name + "/search");
        add(Method::get, "/" + name + "/search/findByOrderId");
        add(Method::get, "/profile/" + name, Produces::json);
    }
    add(Method::post, "/orders/{id}/verification");
    add(Method::post, "/modules/{name}/parked/{position}", Produces::json);
    add(Method::get, "/requestPayment", Produces::text, Consumes::nothing, false);
    add(Method::post, "/requestPayment", Produces::text);
    add(Method::get, "/makeZombie", Produces::nothing, Consumes::nothing, false);
    add(Method::get, "/events", Produces::event_stream);
    add(Method::get, "/docs", Produces::html);
    return table;
}

const http::Router& router() {
    static const http::Router made = [] {
        auto table = routes();
        for (Route& route : table) {
            // The router keeps its routes where they are; a copy of the rest will do here.
            route.handler = [shape = route](const Request& request, const http::Done& done) {
                calls().route = &shape;
                ++calls().count;
                done(echo(request, shape));
            };
        }
        return http::Router(std::move(table));
    }();
    return made;
}

// ---- one connection

/// One request, and all that was made of it.
struct Served {
    Request request;
    int refused = 0;      ///< the status, when no handler may see it
    std::string message;  ///< of the refusal
    bool http_1_0 = false;
    bool keep_alive = false;
    bool expects_continue = false;
    std::string wire;
};

/// The client's bytes, handed out in pieces.
class Client {
  public:
    Client(std::string_view bytes, std::string_view sizes) : bytes_(bytes), sizes_(sizes) {}

    bool fill(ReadBuffer& buffer) {
        const auto piece = bytes_.substr(0, next_size());
        if (piece.empty()) {
            return false;
        }
        const std::span<char> room = buffer.prepare(max_buffer_bytes);
        const std::size_t count = std::min(room.size(), piece.size());
        require(count > 0, "the buffer is full, and nobody refuses the request");
        std::memcpy(room.data(), piece.data(), count);
        buffer.commit(count);
        bytes_.remove_prefix(count);
        return true;
    }

  private:
    /// No sizes: all at once.
    std::size_t next_size() {
        if (sizes_.empty()) {
            return bytes_.size();
        }
        const auto c = static_cast<unsigned char>(sizes_[at_++ % sizes_.size()]);
        return 1 + ((c - '1') & 63U);
    }

    std::string_view bytes_;
    std::string_view sizes_;
    std::size_t at_ = 0;
};

bool is_token(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (c >= '0' && c <= '9') || others.contains(c);
    });
}

bool has_breaks(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

/// The values of all fields of that name.
std::vector<std::string_view> values_of(const Request& request, std::string_view name) {
    std::vector<std::string_view> values;
    for (const Header& header : request.headers) {
        if (http::equal_ignoring_case(header.name, name)) {
            values.push_back(header.value);
        }
    }
    return values;
}

/// What two readers of the same bytes must not see differently: where the body ends.
void check_framing(const Request& request, const RequestParser& parser) {
    for (const Header& header : request.headers) {
        require(is_token(header.name), "a field's name is no token");
        require(!has_breaks(header.value), "a line break in a field's value");
    }
    const auto lengths = values_of(request, "content-length");
    const auto encodings = values_of(request, "transfer-encoding");
    const auto hosts = values_of(request, "host");
    require(lengths.size() + encodings.size() <= 1, "two framings");
    require(parser.is_chunked() == (encodings.size() == 1), "chunked is not what the field says");
    require(
        encodings.empty() || http::equal_ignoring_case(encodings[0], "chunked"), "another encoding"
    );
    require(encodings.empty() || !parser.is_http_1_0(), "an encoding in HTTP/1.0");
    if (lengths.empty()) {
        require(parser.content_length() == 0, "a length out of nowhere");
    } else {
        const auto digits =
            lengths[0].substr(std::min(lengths[0].find_first_not_of('0'), lengths[0].size() - 1));
        require(digits == std::to_string(parser.content_length()), "another length than the field");
    }
    require(hosts.size() <= 1, "two hosts");
    require(parser.is_http_1_0() || hosts.size() == 1, "no host");
    require(request.host.empty() || http::is_valid_host(request.host), "an invalid host");
}

unsigned hex_value(char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/// The path is the target's, each %XY of it taken for one byte, once.
void check_path(const Request& request) {
    if (request.path.empty() &&
        (request.method == Method::other || request.method == Method::connect)) {
        return;
    }
    if (request.target == "*") {
        require(request.path == "*", "* became something else");
        return;
    }
    std::string_view raw = request.target;
    if (!raw.starts_with('/')) {
        const auto host = raw.find("://") + 3;
        raw.remove_prefix(std::min(raw.find_first_of("/?", host), raw.size()));
    }
    raw = raw.substr(0, raw.find('?'));
    if (raw.empty()) {
        raw = "/";
    }
    if (raw.size() > 1 && raw.ends_with('/')) {
        raw.remove_suffix(1);
    }
    std::vector<std::uint32_t> slashes;
    std::size_t at = 0;
    for (const char c : request.path) {
        require(!raw.empty(), "the path is longer than the target's");
        const bool encoded = raw[0] == '%';
        const auto byte = encoded ? hex_value(raw[1]) << 4 | hex_value(raw[2])
                                  : static_cast<unsigned char>(raw[0]);
        require(byte == static_cast<unsigned char>(c) && c != '\0', "not decoded once");
        if (encoded && c == '/') {
            slashes.push_back(static_cast<std::uint32_t>(at));
        }
        raw.remove_prefix(encoded ? 3 : 1);
        ++at;
    }
    require(raw.empty(), "the path is shorter than the target's");
    require(slashes == request.literal_slashes, "literal slashes are somewhere else");
}

/// Whatever proxies say, links are built from an origin and a path that need no escape.
void check_forwarded(Request& request) {
    static const auto trusted = http::parse_networks("10.0.0.0/8,::1").value();
    if (request.host.empty()) {
        request.host = "localhost";  // the connection's own address
    }
    const auto family = request.header("forwarded") ? http::ProxyHeaders::forwarded
                                                    : http::ProxyHeaders::x_forwarded;
    http::take_forwarded(request, trusted, family);
    require(request.scheme == "http" || request.scheme == "https", "another scheme");
    require(http::is_valid_host(request.host), "a proxy's invalid host");
    const std::string_view prefix = request.prefix;
    const bool plain = std::ranges::all_of(prefix, [](char c) {
        return is_token(std::string_view(&c, 1)) || c == '/';
    });
    require(plain && !prefix.contains('%') && !prefix.contains("/../"), "a prefix to escape");
    require(prefix.empty() || (prefix[0] == '/' && prefix.back() != '/'), "a prefix with an end");
    require(!prefix.contains("//"), "a prefix that names a host");
}

const http::Cors& cors() {
    static const auto made = http::Cors::parse("https://shop.example,null").value();
    return made;
}

/// The captures, put into the route's pattern, give the path again.
void check_captures(const Request& request, const Route& route) {
    std::string path;
    std::size_t next = 0;
    std::string_view pattern = route.pattern;
    while (!pattern.empty()) {
        const auto open = std::min(pattern.find('{'), pattern.size());
        path += pattern.substr(0, open);
        pattern.remove_prefix(open);
        if (pattern.empty()) {
            break;
        }
        require(next < request.captures.size(), "a capture is missing");
        require(!request.captures[next].empty(), "an empty capture");
        path += request.captures[next++];
        pattern.remove_prefix(pattern.find('}') + 1);
    }
    require(next == request.captures.size(), "a capture too much");
    require(path == request.path, "the route does not fit the path");
}

/// Status line, as many fields as were meant, an empty line; nothing in a field ends it early.
void check_head(std::string_view head, std::size_t fields, int status) {
    require(head.ends_with("\r\n\r\n"), "a head without an end");
    head.remove_suffix(2);
    require(head.starts_with("HTTP/1.1 " + std::to_string(status) + " "), "another status");
    std::size_t lines = 0;
    while (!head.empty()) {
        const auto line = head.substr(0, head.find("\r\n"));
        require(!has_breaks(line), "a line break in the head");
        require(lines == 0 || is_token(line.substr(0, line.find(": "))), "a line that is no field");
        head.remove_prefix(line.size() + 2);
        ++lines;
    }
    require(lines == fields + 1, "a field was injected or lost");
}

void check_problem(const Problem& problem, const Response& response, const Request& request) {
    require(problem.status >= 400 && problem.status < 600, "a problem that is no error");
    const auto body = read_back(response.body);
    require(body.at("status").as_int64() == problem.status, "the body says another status");
    require(!body.at("message").as_string().empty(), "no message");
    // What is not UTF-8 is replaced, in as many characters or more.
    require(
        characters(body.at("path").as_string()) >= characters(request.path), "the path was cut"
    );
    if (problem.errors.empty()) {
        return;
    }
    const auto& errors = body.at("errors").as_array();
    require(errors.size() == problem.errors.size(), "an error is missing");
    for (std::size_t i = 0; i < errors.size(); ++i) {
        const auto& rejected = errors[i].at("rejectedValue");
        require(rejected.is_string() == problem.errors[i].rejected_value.has_value(), "no null");
    }
}

void write_answer(Served& served, Answer answer) {
    Response response;
    if (const auto* problem = std::get_if<Problem>(&answer)) {
        response = http::render_problem(*problem, served.request.path, 1'599'713'264'652);
        check_problem(*problem, response, served.request);
    } else {
        response = std::move(std::get<Response>(answer));
    }
    cors().decorate(served.request, response);
    const bool body = http::may_have_body(response.status);
    http::HeadOptions options;
    options.date = "Thu, 10 Sep 2020 04:47:44 GMT";
    options.request_id = "id";
    options.connection = http::HeadOptions::Connection::close;
    if (body) {
        options.content_length = response.body.size();
    }
    http::append_head(served.wire, response, options);
    const std::size_t own = 3U + (body ? 1 : 0) + (response.content_type.empty() ? 0 : 1);
    check_head(served.wire, own + response.headers.size(), response.status);
    if (body) {
        served.wire += response.body;
    }
}

void dispatch(Served& served) {
    Request& request = served.request;
    if (auto intercepted = cors().intercept(request)) {
        write_answer(served, std::move(*intercepted));
        return;
    }
    const auto refusal = router().header_problem(request);
    request.captures.clear();
    request.prefers_json = false;
    request.prefers_schema = false;
    request.negotiated = false;
    calls() = {};
    std::optional<Answer> answer;
    router().dispatch(request, [&](Answer given) {
        require(!answer, "answered twice");
        answer = std::move(given);
    });
    if (!answer) {
        throw Broken("no answer");
    }
    require(calls().count == 0 || !refusal, "a refused request reached a handler");
    if (refusal) {
        require(std::holds_alternative<Problem>(*answer), "refused, and answered");
        require(std::get<Problem>(*answer).status == refusal->status, "refused in another way");
    } else if (calls().count == 0) {
        require(request.method == Method::options, "no handler, no problem");
    } else {
        require(calls().count == 1, "handled twice");
        const Method own = calls().route->method;
        const bool head = request.method == Method::head && own == Method::get;
        require(own == request.method || (head && calls().route->head), "another method's handler");
        check_captures(request, *calls().route);
    }
    write_answer(served, std::move(*answer));
}

enum class Read { complete, refused, gone };

Read refuse(Served& served, Problem problem) {
    served.refused = problem.status;
    served.message = problem.message;
    calls() = {};
    write_answer(served, std::move(problem));
    require(calls().count == 0, "a refused request reached a handler");
    return Read::refused;
}

Read read_counted_body(ReadBuffer& buffer, Client& client, Served& served, std::uint64_t length) {
    if (length > max_body_bytes) {
        return refuse(served, {413, "The body is too large.", {}, {}});
    }
    while (buffer.size() < length) {
        if (!client.fill(buffer)) {
            return Read::gone;
        }
    }
    served.request.body = buffer.view().substr(0, length);
    buffer.consume(length);
    return Read::complete;
}

/// Reads a chunked body again, all at once: it is what these bytes say, and no more of them.
void check_chunks(std::string_view raw, std::string_view body) {
    const auto take_raw_line = [&] {
        const auto line = raw.substr(0, raw.find("\r\n"));
        require(line.size() + 2 <= raw.size(), "a line without an end");
        raw.remove_prefix(line.size() + 2);
        return line;
    };
    for (std::size_t size = 1; size > 0;) {
        const auto line = take_raw_line();
        const auto digits = line.substr(0, line.find_first_of("; \t"));
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
        const bool whole = end == digits.data() + digits.size();
        require(error == std::errc() && whole && digits[0] != '-', "no size of a chunk");
        require(size <= body.size() && size <= raw.size(), "a chunk beyond the body");
        require(raw.substr(0, size) == body.substr(0, size), "a chunk of something else");
        raw.remove_prefix(size);
        body.remove_prefix(size);
        if (size > 0) {
            require(take_raw_line().empty(), "more data than the chunk's");
        }
    }
    require(body.empty(), "a body beyond the last chunk");
    while (!take_raw_line().empty()) {
    }
    require(raw.empty(), "more was taken than the body");
}

Read read_chunked_body(ReadBuffer& buffer, Client& client, Served& served) {
    using State = ChunkDecoder::State;
    ChunkDecoder decoder(max_body_bytes, max_extra_bytes);
    std::string raw;
    for (;;) {
        std::string_view rest = buffer.view();
        const State state = decoder.put(rest, served.request.body);
        require(served.request.body.size() <= max_body_bytes, "the body is over the limit");
        require(state != State::more || rest.empty(), "bytes were left for later");
        raw += buffer.view().substr(0, buffer.size() - rest.size());
        buffer.consume(buffer.size() - rest.size());
        if (state == State::done) {
            check_chunks(raw, served.request.body);
            return Read::complete;
        }
        if (state == State::malformed) {
            return refuse(served, {400, "chunks", {}, {}});
        }
        if (state == State::body_too_large) {
            return refuse(served, {413, "body", {}, {}});
        }
        if (state == State::extras_too_large) {
            return refuse(served, {431, "extras", {}, {}});
        }
        if (!client.fill(buffer)) {
            return Read::gone;
        }
    }
}

bool has_begun(ReadBuffer& buffer) {
    while (buffer.view().starts_with("\r\n")) {
        buffer.consume(2);
    }
    return !buffer.empty() && buffer.view() != "\r";
}

/// As http/request_reader.cpp reads.
Read read_request(ReadBuffer& buffer, Client& client, Served& served) {
    while (!has_begun(buffer)) {
        if (!client.fill(buffer)) {
            return Read::gone;
        }
    }
    RequestParser parser(served.request, limits);
    for (;;) {
        std::string_view rest = buffer.view();
        const RequestParser::State state = parser.put(rest);
        require(rest.size() <= buffer.size(), "more left than there was");
        buffer.consume(buffer.size() - rest.size());
        if (state == RequestParser::State::done) {
            break;
        }
        if (state == RequestParser::State::failed) {
            return refuse(served, std::move(parser.problem()));
        }
        require(!buffer.view().contains("\r\n\r\n"), "a header that is complete is waited for");
        if (!client.fill(buffer)) {
            return Read::gone;
        }
    }
    served.http_1_0 = parser.is_http_1_0();
    served.keep_alive = parser.keep_alive();
    served.expects_continue = parser.expects_continue();
    check_framing(served.request, parser);
    check_path(served.request);
    check_forwarded(served.request);
    if (parser.is_chunked()) {
        return read_chunked_body(buffer, client, served);
    }
    return read_counted_body(buffer, client, served, parser.content_length());
}

/// Everything that the bytes of one connection lead to.
std::vector<Served> serve(std::string_view bytes, std::string_view sizes) {
    std::vector<Served> all;
    ReadBuffer buffer;
    Client client(bytes, sizes);
    for (bool keep = true; keep;) {
        Served served;
        const Read read = read_request(buffer, client, served);
        if (read == Read::gone) {
            break;
        }
        keep = read == Read::complete && served.keep_alive;
        if (read == Read::complete) {
            dispatch(served);
        }
        all.push_back(std::move(served));
        buffer.shrink();
    }
    return all;
}

/// A line that is too long for its method to end in time is told by that.
bool is_size_refusal(const Served& served) {
    return served.refused == 414 || served.refused == 431 ||
           served.message == "The request line does not start with a method.";
}

void check_same(const Served& one, const Served& many) {
    // A header that is both malformed and too large is refused by what is seen first.
    const bool both_refused = one.refused != 0 && many.refused != 0;
    if (both_refused && (is_size_refusal(one) || is_size_refusal(many))) {
        return;
    }
    require(
        one.refused == many.refused,
        "pieces change what is refused: \"" + one.message + "\", \"" + many.message + "\""
    );
    if (one.refused != 0) {
        return;
    }
    const auto same_header = [](const Header& a, const Header& b) {
        return a.name == b.name && a.value == b.value;
    };
    require(one.request.method == many.request.method, "pieces change the method");
    require(one.request.target == many.request.target, "pieces change the target");
    require(one.request.path == many.request.path, "pieces change the path");
    require(one.request.query == many.request.query, "pieces change the query");
    require(one.request.host == many.request.host, "pieces change the host");
    require(one.request.scheme == many.request.scheme, "pieces change the scheme");
    require(one.request.prefix == many.request.prefix, "pieces change the prefix");
    require(one.request.body == many.request.body, "pieces change the body");
    require(
        std::ranges::equal(one.request.headers, many.request.headers, same_header),
        "pieces change the fields"
    );
    require(
        one.http_1_0 == many.http_1_0 && one.keep_alive == many.keep_alive &&
            one.expects_continue == many.expects_continue,
        "pieces change the framing"
    );
    require(one.wire == many.wire, "pieces change the answer");
}

}  // namespace

void request(std::string_view input) {
    std::string_view sizes = take_line(input);
    if (sizes.empty()) {
        sizes = "1";
    }
    const auto one = serve(input, {});
    const auto many = serve(input, sizes);
    const std::size_t both = std::min(one.size(), many.size());
    for (std::size_t i = 0; i < both; ++i) {
        check_same(one[i], many[i]);
    }
    require(many.size() == both, "pieces make a request more");
    // Of a header that comes in pieces Beast looks at nothing before its end, if it has one.
    const bool waits = one.size() == both + 1 && one.back().refused != 0;
    require(one.size() == both || waits, "pieces make a request less");
}

}  // namespace bookstore::fuzz
