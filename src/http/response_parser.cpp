#include "http/response_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <limits>
#include <string_view>
#include <utility>

namespace bookstore::http {

namespace {

constexpr std::size_t max_chunk_extras = 4 << 10;
constexpr std::string_view body_too_large = "the answer's body is too large";

}  // namespace

ResponseParser::ResponseParser(ResponseLimits limits) : limits_(limits) {
    begin_header();
}

void ResponseParser::begin_header() {
    header_.emplace();
    header_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    header_->body_limit(std::numeric_limits<std::uint64_t>::max());
}

ResponseParser::State ResponseParser::put(std::string& received) {
    if (!in_body_) {
        const State state = put_header(received);
        if (state != State::done) {
            return state;
        }
    }
    return decoder_ ? put_chunks(received) : put_body(received);
}

/// Done when the body begins.
ResponseParser::State ResponseParser::put_header(std::string& received) {
    while (!received.empty()) {
        boost::system::error_code failed;
        const std::size_t count = header_->put(boost::asio::buffer(received), failed);
        received.erase(0, count);
        header_bytes_ += count;
        if (failed == boost::beast::http::error::need_more) {
            failed = {};
        }
        const std::size_t waiting = header_->is_header_done() ? 0 : received.size();
        // Beast notices it in a header that comes in one piece, the count in one that comes in
        // many.
        if (failed == boost::beast::http::error::header_limit ||
            header_bytes_ + waiting > limits_.header_bytes) {
            return fail("the answer's header is too large");
        }
        if (failed) {
            return fail(fmt::format("it is no HTTP answer: {}", failed.message()));
        }
        if (!header_->is_header_done()) {
            return State::more;
        }
        const int status = static_cast<int>(header_->get().result_int());
        if (status >= 200) {
            return begin_body(status);
        }
        if (status == 101) {
            return fail("it changes the protocol, which nobody asked for");
        }
        begin_header();  // an interim answer: the next one may be final
    }
    return State::more;
}

ResponseParser::State ResponseParser::begin_body(int status) {
    const auto& header = header_->get();
    response_.status = status;
    for (const auto& field : header) {
        response_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
    keeps_connection_ = header_->keep_alive();
    in_body_ = true;
    if (status == 204 || status == 304) {
        left_ = 0;
    } else if (header_->chunked()) {
        decoder_.emplace(limits_.body_bytes, max_chunk_extras);
    } else if (header.find(boost::beast::http::field::transfer_encoding) != header.end()) {
        return fail("its Transfer-Encoding is not just chunked");
    } else if (const auto length = header_->content_length()) {
        left_ = *length;
    } else {
        keeps_connection_ = false;  // the body ends with the connection
    }
    if (left_ && *left_ > limits_.body_bytes) {
        return fail(std::string(body_too_large));
    }
    return State::done;
}

ResponseParser::State ResponseParser::put_body(std::string& received) {
    const std::size_t count =
        left_ ? std::min<std::uint64_t>(*left_, received.size()) : received.size();
    response_.body.append(received, 0, count);
    received.erase(0, count);
    if (left_) {
        *left_ -= count;
    }
    if (response_.body.size() > limits_.body_bytes) {
        return fail(std::string(body_too_large));
    }
    return left_ && *left_ == 0 ? State::done : State::more;
}

ResponseParser::State ResponseParser::put_chunks(std::string& received) {
    std::string_view in = received;
    const ChunkDecoder::State state = decoder_->put(in, response_.body);
    received.erase(0, received.size() - in.size());
    switch (state) {
        case ChunkDecoder::State::more:
            return State::more;
        case ChunkDecoder::State::done:
            return State::done;
        case ChunkDecoder::State::malformed:
            return fail("its chunks are malformed");
        case ChunkDecoder::State::body_too_large:
        case ChunkDecoder::State::extras_too_large:
            break;
    }
    return fail(std::string(body_too_large));
}

ResponseParser::State ResponseParser::fail(std::string error) {
    error_ = std::move(error);
    return State::failed;
}

}  // namespace bookstore::http
