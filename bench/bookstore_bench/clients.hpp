#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bookstore::bench {

/// The bytes of a GET, or of a POST of JSON.
std::string get_request(const std::string& target);
std::string post_request(const std::string& target, const std::string& json);
/// An order of one copy, as scripts/bench places them.
std::string order_request(std::int64_t customer, std::int64_t book);

/// How clients ask.
struct Asking {
    std::string request;
    int status = 200;         ///< what every answer must have
    std::size_t active = 64;  ///< connections that take part, the first ones
    std::int64_t count = 0;   ///< ends after so many answers; 0: after `seconds`
    double seconds = 0;       ///< then those under way are waited for
    double rate_per_s = 0;    ///< in all, evenly spaced; 0: each asks again when it was answered
};

struct Answered {
    std::int64_t count = 0;
    double seconds = 0;
    std::vector<double> ms;  ///< of each; at a rate, from when it was due
};

/// Many keep-alive connections from one thread (epoll).
class Clients {
  public:
    /// Connects them all. Throws std::runtime_error.
    Clients(const std::string& url, std::size_t connections);
    ~Clients();
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

    /// Throws std::runtime_error at an answer of another status, or when a connection breaks.
    Answered ask(const Asking& asking);

  private:
    using Clock = std::chrono::steady_clock;
    struct Client {
        int fd = -1;
        std::string bytes;  ///< of the answer, as far as it came
        std::optional<Clock::time_point> due;
    };

    void send(Client& client, const std::string& request, Clock::time_point due);
    /// Reads what came; true: a whole answer.
    static bool receive(Client& client, int status);
    /// Waits up to `ms` and returns the clients that were answered.
    std::vector<std::size_t> answered(int status, double ms);

    int epoll_ = -1;
    std::vector<Client> clients_;
};

}  // namespace bookstore::bench
