#pragma once

#include <string>

#include "http/awaitable.hpp"
#include "http/bell.hpp"
#include "http/client_socket.hpp"
#include "http/message.hpp"

// Internal to the server: this header costs an Asio include.

namespace bookstore::http {

class Worker;

/// Sends a connection's streams, one after the other: what there is, a heartbeat where there is
/// nothing for long; and reads beside it, to see at once when the client goes, and not to lose what
/// it sends.
class StreamSender {
  public:
    /// All outlive it. Whoever wakes the stream rings `bell`.
    StreamSender(Worker& worker, ClientSocket& client, Bell& bell)
        : worker_(worker), client_(client), bell_(bell) {}

    /// Sends the stream, as chunks or as it is, until it ends or the server stops. False if it
    /// broke off. It may throw what the stream throws; stop_watching() is necessary then.
    Awaitable<bool> send(Stream& stream, bool chunked);
    bool is_sending() const { return sending_; }

    /// Has a heartbeat sent unless there is more to say.
    void beat();

    /// Whether a read is under way beside the coroutine.
    bool is_watching() const { return watching_; }
    /// Ends the read beside the coroutine, which refers to the connection: before that ends.
    Awaitable<void> stop_watching();

  private:
    Awaitable<bool> pump(Stream& stream, bool chunked);
    Stream::State compose_frame(Stream& stream, std::string& frame);
    Awaitable<bool> write_frame(std::string& frame, bool chunked);
    void watch();
    void watch_half_closed();

    Worker& worker_;
    ClientSocket& client_;
    Bell& bell_;
    bool sending_ = false;
    bool watching_ = false;
    bool client_gone_ = false;
    bool heartbeat_due_ = false;
};

}  // namespace bookstore::http
