#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/awaitable.hpp"
#include "http/client_socket.hpp"
#include "http/message.hpp"

// Internal to the server: this header costs an Asio include.

namespace bookstore::http {

class Worker;

/// Writes a connection's answers, but not the frames of its streams.
class ResponseWriter {
  public:
    enum class Progress { sent, unsent, gone };

    /// What an answer's form depends on beside the answer: the request, and whether the connection
    /// goes on.
    struct Terms {
        std::string_view request_id;
        bool http_1_0 = false;
        bool keep_alive = false;    ///< another request may follow
        bool without_body = false;  ///< it answers a HEAD
    };

    /// Both outlive it.
    ResponseWriter(Worker& worker, ClientSocket& client) : worker_(worker), client_(client) {}

    /// Whether the answer has a stream that is to be sent, after head_of_stream().
    static bool is_streamed(const Response& response, const Terms& terms);
    std::string head_of_stream(const Response& response, const Terms& terms);

    /// Writes an answer that is not streamed, without waiting, as nearly every answer can be.
    /// `unsent`: the socket did not take all of it; `response` has to live until send_rest().
    Progress send_now(const Response& response, const Terms& terms);
    /// Waits until the client took the rest. False if it is gone.
    Awaitable<bool> send_rest();

  private:
    /// What the socket did not take at once of an answer.
    struct Unsent {
        std::string head;
        std::string_view body;
    };

    Worker& worker_;
    ClientSocket& client_;
    Unsent unsent_;
};

}  // namespace bookstore::http
