#include "http/stream_sender.hpp"

#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "http/worker.hpp"

namespace bookstore::http {

namespace {

using boost::system::error_code;

constexpr std::size_t stream_piece_bytes = 64 << 10;
/// A frame's memory beyond this is freed while its stream waits.
constexpr std::size_t kept_frame_bytes = 4 << 10;
/// What a client sends while a stream runs is kept for later up to here, then left in the socket.
constexpr std::size_t max_watched_bytes = 16 << 10;

constexpr std::string_view last_chunk = "0\r\n\r\n";

/// A frame has room in front for a chunk's size and line break, so that its data is not moved.
constexpr std::size_t frame_prefix_bytes = 18;

void start_frame(std::string& frame) {
    frame.assign(frame_prefix_bytes, ' ');
}
bool is_empty_frame(const std::string& frame) {
    return frame.size() == frame_prefix_bytes;
}

/// Makes the frame a chunk; returns where that begins.
std::size_t make_chunk(std::string& frame) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::size_t size = frame.size() - frame_prefix_bytes;
    std::size_t begin = frame_prefix_bytes - 2;
    frame.replace(begin, 2, "\r\n");
    do {
        frame[--begin] = digits[size & 15];
        size >>= 4;
    } while (size != 0);
    frame += "\r\n";
    return begin;
}

}  // namespace

Awaitable<bool> StreamSender::send(Stream& stream, bool chunked) {
    client_gone_ = false;
    heartbeat_due_ = false;
    bell_.silence();
    sending_ = true;
    watch();
    const bool ended = co_await pump(stream, chunked);
    sending_ = false;
    co_await stop_watching();
    if (!ended || client_gone_ || client_.is_aborted()) {
        co_return false;
    }
    if (!chunked) {
        co_return true;
    }
    const bool closed = co_await client_.write(last_chunk);
    co_return closed;
}

/// Sends what the stream has until it ends or the server stops. False if it broke off.
Awaitable<bool> StreamSender::pump(Stream& stream, bool chunked) {
    using Clock = PhaseClock::Clock;
    const std::chrono::milliseconds heartbeat = worker_.shared.options.heartbeat;
    PhaseClock::Time next_beat = Clock::now() + heartbeat;
    std::string frame;
    for (;;) {
        co_await worker_.turn();
        if (client_gone_ || client_.is_aborted()) {
            co_return false;
        }
        if (worker_.is_draining()) {
            co_return true;
        }
        const Stream::State state = compose_frame(stream, frame);
        if (!is_empty_frame(frame)) {
            const bool sent = co_await write_frame(frame, chunked);
            if (!sent) {
                co_return false;
            }
            next_beat = Clock::now() + heartbeat;
        }
        if (state == Stream::State::end) {
            co_return true;
        }
        if (state == Stream::State::more) {
            continue;
        }
        if (frame.capacity() > kept_frame_bytes) {
            frame = std::string();
        }
        client_.clock.enter_until(Phase::stream, next_beat);
        co_await bell_.rung();
        client_.clock.enter(Phase::answer);
    }
}

/// What the stream has now, or a heartbeat that is due, or nothing.
Stream::State StreamSender::compose_frame(Stream& stream, std::string& frame) {
    start_frame(frame);
    Stream::State state = Stream::State::more;
    while (state == Stream::State::more && frame.size() < stream_piece_bytes) {
        state = stream.next(frame);
    }
    if (std::exchange(heartbeat_due_, false) && is_empty_frame(frame)) {
        frame += stream.heartbeat();
    }
    return state;
}

Awaitable<bool> StreamSender::write_frame(std::string& frame, bool chunked) {
    const std::size_t begin = chunked ? make_chunk(frame) : frame_prefix_bytes;
    const bool sent = co_await client_.write(std::string_view(frame).substr(begin));
    co_return sent;
}

void StreamSender::beat() {
    heartbeat_due_ = true;
    bell_.ring();
}

void StreamSender::watch() {
    if (client_.received.size() >= max_watched_bytes) {
        return;
    }
    watching_ = true;
    client_.read_beside([this](error_code failed, std::size_t count) {
        watching_ = false;
        client_.received.commit(count);
        if (failed == asio::error::eof && sending_) {
            watch_half_closed();
        } else if (failed) {
            // Cancelled is what stop_watching() does.
            client_gone_ = client_gone_ || failed != asio::error::operation_aborted;
        } else if (sending_) {
            watch();
        }
        bell_.ring();
    });
}

/// The client sends nothing more: it may have closed for good, or its own direction alone and read
/// on. Only what is written tells: a heartbeat, to which a socket that is closed answers with a
/// reset.
void StreamSender::watch_half_closed() {
    watching_ = true;
    client_.when_reset([this](error_code failed) {
        watching_ = false;
        client_gone_ = client_gone_ || failed != asio::error::operation_aborted;
        bell_.ring();
    });
    heartbeat_due_ = true;
}

Awaitable<void> StreamSender::stop_watching() {
    if (watching_) {
        client_.cancel();
    }
    while (watching_) {
        co_await bell_.rung();
    }
}

}  // namespace bookstore::http
