#include "http/response_parser.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace bookstore::http;

namespace {

using State = ResponseParser::State;

/// "200 body" once it is complete, "failed: why", or "more"; with what is left behind it.
std::string outcome_of(ResponseParser& parser, State state, const std::string& left) {
    if (state == State::more) {
        return "more";
    }
    if (state == State::failed) {
        return "failed: " + parser.error();
    }
    std::string text = std::to_string(parser.response().status) + " " + parser.response().body;
    if (!left.empty()) {
        text += " | " + left;
    }
    return text;
}

std::string at_once(std::string text) {
    ResponseParser parser({.header_bytes = 256, .body_bytes = 16});
    const State state = parser.put(text);
    return outcome_of(parser, state, text);
}

std::string byte_by_byte(std::string_view text) {
    ResponseParser parser({.header_bytes = 256, .body_bytes = 16});
    std::string received;
    State state = State::more;
    while (state == State::more && !text.empty()) {
        received += text.front();
        text.remove_prefix(1);
        state = parser.put(received);
    }
    return outcome_of(parser, state, received + std::string(text));
}

}  // namespace

TEST_CASE("an answer is read the same in one piece and byte by byte") {
    struct Case {
        std::string text;
        std::string outcome;
    };
    const Case cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", "200 hello | HTTP"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200 abc"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "204 "},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 "},
        {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 "},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "more"},
        {"HTTP/1.1 200 OK\r\nContent-Le", "more"},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n",
         "failed: it changes the protocol, which nobody asked for"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", "failed: the answer's body is too large"},
        {"HTTP/1.1 200 OK\r\n\r\n12345678901234567", "failed: the answer's body is too large"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
         "failed: its chunks are malformed"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
         "failed: its Transfer-Encoding is not just chunked"},
        {"HTTP/1.1 200 OK\r\nX: " + std::string(300, 'x'),
         "failed: the answer's header is too large"}
    };
    for (const Case& one : cases) {
        CAPTURE(one.text);
        CHECK(at_once(one.text) == one.outcome);
        CHECK(byte_by_byte(one.text) == one.outcome);
    }
}

TEST_CASE("a connection is kept where the answer's end does not depend on its own") {
    const auto keeps = [](std::string text) {
        ResponseParser parser({.header_bytes = 256, .body_bytes = 16});
        parser.put(text);
        return parser.keeps_connection();
    };
    CHECK(keeps("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\n\r\nall of it"));
}

TEST_CASE("an answer without a length is complete when the connection ends, any other is not") {
    const auto ends = [](std::string text) {
        ResponseParser parser({.header_bytes = 256, .body_bytes = 16});
        parser.put(text);
        return parser.ends_with_connection();
    };
    CHECK(ends("HTTP/1.1 200 OK\r\n\r\nall of it"));
    CHECK_FALSE(ends("HTTP/1.1 200 OK\r\n"));
    CHECK_FALSE(ends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"));
    CHECK_FALSE(ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
}
