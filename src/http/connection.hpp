#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/awaitable.hpp"
#include "http/bell.hpp"
#include "http/client_key.hpp"
#include "http/client_socket.hpp"
#include "http/exchange.hpp"
#include "http/message.hpp"
#include "http/request_reader.hpp"
#include "http/request_stats.hpp"
#include "http/response_writer.hpp"
#include "http/stream_sender.hpp"

// Internal to the server: this header costs an Asio and a Beast include.

namespace bookstore::http {

class Worker;
struct Accepted;

/// One client's connection: reads a request, has it answered, sends the answer, and so on.
/// Belongs to its worker, and lives and is used on its thread alone.
class Connection final : private Answerable {
  public:
    Connection(Worker& worker, Socket socket, const Accepted& accepted);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Serves requests until the connection ends. The connection must outlive it.
    Awaitable<void> run();

    /// Looks at the clock: cuts off what takes too long, frees what an idle connection holds.
    void sweep(PhaseClock::Time now);
    /// The server is stopping: ends an idle connection; another one ends after its next answer.
    void drain();
    /// Ends run() soon, whatever it is doing.
    void abort();

    Door door() const { return door_; }
    /// As whom it counts among the clients' connections, if it does.
    const std::optional<ClientKey>& counted_as() const { return counted_as_; }

    std::size_t index = 0;  ///< the worker's: where it keeps the connection

  private:
    using Terms = ResponseWriter::Terms;

    /// What follows an answer.
    enum class Next {
        request,
        close,
        gone,      ///< the client has closed the connection
        send_rest  ///< of the answer, since the socket did not take all of it
    };

    // The loop
    Awaitable<void> serve();
    Awaitable<bool> shake_hands();
    std::chrono::milliseconds idle_limit() const;
    void renew_exchange();
    Awaitable<void> linger();

    // Asking for an answer
    RequestReader::Arrival admit();
    void dispatch();
    Response take_response();
    void ring() override;

    // Sending it
    Terms answer_terms(Response& response);
    Next send_now(const Response& response, const Terms& terms);
    Awaitable<Next> send_rest(Response& response, Terms terms);
    Awaitable<Next> send_stream(Response& response, Terms terms);
    void dismiss();
    void note_answer(int status);
    void count_answer(int status);
    void log_answer(int status);
    void report(std::string_view what);

    Worker& worker_;
    const Door door_;
    const std::optional<ClientKey> counted_as_;
    ClientSocket client_;
    Bell bell_;
    RequestReader reader_;
    ResponseWriter writer_;
    StreamSender stream_sender_;
    ExchangeRef exchange_;
    InFlight in_flight_;   ///< the request that is being answered
    bool waited_ = false;  ///< the handler has not answered at once
    const std::string peer_;
    std::uint64_t sent_before_ = 0;  ///< bytes, before the answer under way
};

}  // namespace bookstore::http
