#include "http/chunked.hpp"

#include <algorithm>

namespace bookstore::http {

namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool is_text(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= ' ' && byte != 0x7F);
}

constexpr unsigned max_digits = 16;

}  // namespace

ChunkDecoder::State ChunkDecoder::put(std::string_view& in, std::string& body) {
    while (!in.empty()) {
        State state = State::more;
        if (at_ == At::data) {
            state = take_data(in, body);
        } else {
            const char c = in.front();
            in.remove_prefix(1);
            state = take(c);
        }
        if (state != State::more) {
            return state;
        }
    }
    return State::more;
}

ChunkDecoder::State ChunkDecoder::take(char c) {
    const auto expect = [&](char due, At next) {
        at_ = next;
        return c == due ? State::more : State::malformed;
    };
    switch (at_) {
        case At::size_start:
        case At::size:
            return take_size(c);
        case At::before_semicolon:
            return take_semicolon(c);
        case At::extension:
            return take_extra(c);
        case At::size_lf:
            return end_of_size_line(c);
        case At::data_cr:
            return expect('\r', At::data_lf);
        case At::data_lf:
            return expect('\n', At::size_start);
        case At::line_start:
            if (c == '\r') {
                return expect('\r', At::end_lf);
            }
            colon_ = false;
            at_ = At::line;
            // A trailer line that is folded, or has no name.
            if (c == ' ' || c == '\t' || c == ':') {
                return State::malformed;
            }
            return take_extra(c);
        case At::line:
            return take_extra(c);
        case At::line_lf:
            return expect('\n', At::line_start);
        case At::end_lf:
            return c == '\n' ? State::done : State::malformed;
        case At::data:
            break;
    }
    return State::malformed;
}

ChunkDecoder::State ChunkDecoder::take_size(char c) {
    const int value = hex_value(c);
    if (value >= 0) {
        if (at_ == At::size_start) {
            left_ = 0;
            digits_ = 0;
            at_ = At::size;
        }
        if (++digits_ > max_digits) {
            return State::malformed;
        }
        left_ = left_ << 4 | static_cast<unsigned>(value);
        return State::more;
    }
    if (at_ == At::size_start) {
        return State::malformed;
    }
    if (c == '\r') {
        at_ = At::size_lf;
        return State::more;
    }
    return take_semicolon(c);
}

/// RFC 9112 lets white space stand before the semicolon of an extension, not instead of it.
ChunkDecoder::State ChunkDecoder::take_semicolon(char c) {
    if (c != ';' && c != ' ' && c != '\t') {
        return State::malformed;
    }
    at_ = c == ';' ? At::extension : At::before_semicolon;
    return take_extra(c);
}

/// Reads over an extension or a trailer line.
ChunkDecoder::State ChunkDecoder::take_extra(char c) {
    const bool trailer = at_ == At::line;
    if (c == '\r') {
        if (trailer && !colon_) {
            return State::malformed;
        }
        at_ = trailer ? At::line_lf : At::size_lf;
        return State::more;
    }
    if (!is_text(c)) {
        return State::malformed;
    }
    if (c == ':') {
        colon_ = true;
    }
    return ++extra_bytes_ > max_extra_bytes_ ? State::extras_too_large : State::more;
}

ChunkDecoder::State ChunkDecoder::end_of_size_line(char c) {
    if (c != '\n') {
        return State::malformed;
    }
    // Refused by what is announced, not by what has come: the chunk need not be read for it.
    if (left_ > max_body_bytes_ - body_bytes_) {
        return State::body_too_large;
    }
    at_ = left_ == 0 ? At::line_start : At::data;
    return State::more;
}

ChunkDecoder::State ChunkDecoder::take_data(std::string_view& in, std::string& body) {
    const auto piece = in.substr(0, std::min<std::uint64_t>(left_, in.size()));
    body.append(piece);
    in.remove_prefix(piece.size());
    body_bytes_ += piece.size();
    left_ -= piece.size();
    if (left_ == 0) {
        at_ = At::data_cr;
    }
    return State::more;
}

}  // namespace bookstore::http
