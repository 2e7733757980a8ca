// The yardstick of scripts/bench: what Boost.Beast does with nothing around it.
//
//     bare_beast_server <port> <threads> <file: answer to a GET> [<file: answer to a POST>]
//
// A file holds what a server once answered, as `curl -i` prints it. Any GET, any POST is read and
// answered with that status, these fields in that order and that body, byte by byte; port 0: the
// system chooses one, and the first line printed says which. It is written to be quick: callbacks
// instead of coroutines, an io_context a thread, the io_context's own executor instead of the
// type-erased one, parser and buffers that are kept from request to request, no timeouts, no
// routing, no log.

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;

/// A field whose name Beast knows by number is set by number: that is quicker.
struct Field {
    http::field name = http::field::unknown;
    std::string text;
    std::string value;
};

struct Answer {
    http::status status = http::status::ok;
    std::vector<Field> fields;
    std::string body;
};

struct Answers {
    Answer get;
    Answer post;
};

/// Throws std::runtime_error when the file does not hold one whole answer.
Answer answer_in(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    http::response_parser<http::string_body> parser;
    beast::error_code ec;
    parser.eager(true);
    parser.put(asio::buffer(bytes), ec);
    if (ec || !parser.is_done()) {
        throw std::runtime_error(path + " holds no answer of HTTP");
    }
    Answer answer{parser.get().result(), {}, parser.get().body()};
    for (const auto& field : parser.get()) {
        answer.fields.push_back(
            {field.name(), std::string(field.name_string()), std::string(field.value())}
        );
    }
    return answer;
}

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(Socket socket, const Answers& answers) : socket_(std::move(socket)), answers_(answers) {
        beast::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
    }

    void read() {
        parser_.emplace();
        http::async_read(
            socket_,
            buffer_,
            *parser_,
            [self = shared_from_this()](beast::error_code ec, std::size_t) {
                if (!ec) {
                    self->answer();
                }
            }
        );
    }

  private:
    void answer() {
        if (!parser_) {
            return;
        }
        const auto& request = parser_->get();
        const bool post = request.method() == http::verb::post;
        const Answer& answer = post ? answers_.post : answers_.get;
        response_ = {answer.status, request.version()};
        for (const Field& field : answer.fields) {
            if (field.name != http::field::unknown) {
                response_.insert(field.name, field.value);
            } else {
                response_.insert(field.text, field.value);
            }
        }
        response_.keep_alive(request.keep_alive());
        response_.body() = answer.body;
        http::async_write(
            socket_,
            response_,
            [self = shared_from_this()](beast::error_code ec, std::size_t) {
                if (ec) {
                    return;
                }
                if (self->response_.keep_alive()) {
                    return self->read();
                }
                self->socket_.shutdown(Socket::shutdown_send, ec);
            }
        );
    }

    Socket socket_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    const Answers& answers_;
};

class Listener {
  public:
    Listener(
        std::vector<std::unique_ptr<asio::io_context>>& loops, std::uint16_t port, Answers answers
    )
        : loops_(loops), answers_(std::move(answers)), acceptor_(*loops.front()) {
        const tcp::endpoint endpoint(asio::ip::make_address("127.0.0.1"), port);
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind(endpoint);
        acceptor_.listen(4096);
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    void accept() {
        asio::io_context& loop = *loops_[next_++ % loops_.size()];
        acceptor_.async_accept(loop.get_executor(), [this](beast::error_code ec, Socket socket) {
            if (!ec) {
                start(std::move(socket));
            }
            accept();
        });
    }

  private:
    void start(Socket socket) {
        const auto executor = socket.get_executor();
        auto session = std::make_shared<Session>(std::move(socket), answers_);
        asio::dispatch(executor, [session = std::move(session)] { session->read(); });
    }

    std::vector<std::unique_ptr<asio::io_context>>& loops_;
    const Answers answers_;
    asio::basic_socket_acceptor<tcp, Executor> acceptor_;
    std::size_t next_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 4) {
        std::cerr << "usage: bare_beast_server <port> <threads> <GET answer> [<POST answer>]\n";
        return EXIT_FAILURE;
    }
    const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    const auto threads = static_cast<std::size_t>(std::max(1, std::atoi(argv[2])));
    std::vector<std::unique_ptr<asio::io_context>> loops;
    loops.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
        loops.push_back(std::make_unique<asio::io_context>(1));
    }
    Listener listener(loops, port, {answer_in(argv[3]), answer_in(argc > 4 ? argv[4] : argv[3])});
    std::cout << listener.port() << std::endl;
    listener.accept();
    std::vector<std::jthread> running;
    running.reserve(threads);
    for (const auto& loop : loops) {
        running.emplace_back([&loop = *loop] {
            const auto work = asio::make_work_guard(loop);
            loop.run();
        });
    }
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
}
