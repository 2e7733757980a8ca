#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "tools/options.hpp"
#include "tools/server_place.hpp"

namespace bookstore::tools {

/// What a subcommand asks of a running bookstore.
struct ServerRequest {
    http::Method method = http::Method::get;
    std::string target;  ///< "/modules"
    std::string body{};  ///< JSON, or empty
    std::vector<http::Header> headers{};
    std::chrono::milliseconds timeout = std::chrono::seconds(30);
};

/// Talks to the bookstore at a URL, over a connection for each request. A URL that is none throws
/// std::invalid_argument, a server that is not there or too slow std::system_error; both say so in
/// a line for the user.
class ServerClient {
  public:
    /// Its URL is what the user gave, and is called so in messages. Throws std::runtime_error for a
    /// token that is none, or a flag or file that is wrong.
    explicit ServerClient(const ServerPlace& server);

    /// Throws when the URL is none, before anything is sent.
    void check_url() const { url_of("/"); }
    /// The answer, whatever its status is.
    http::ClientResponse send(const ServerRequest& request) const;
    /// The JSON object in an answer of 2xx; throws std::runtime_error with what the server said
    /// otherwise.
    boost::json::object object(const ServerRequest& request) const;
    /// A GET whose body is handed on in pieces as it comes, until the server ends it. Throws
    /// std::runtime_error with what the server said when its status is not 200.
    void stream(std::string_view target, const std::function<void(std::string_view piece)>& on_data)
        const;
    /// "URL answered STATUS: " and the message in the body, or the body itself.
    std::runtime_error failure(int status, std::string_view body) const;

  private:
    http::Url url_of(std::string_view target) const;

    const std::string url_;
    const http::ClientTls tls_;
    std::string base_;                         ///< url_ without the slash at its end
    std::vector<http::Header> authorization_;  ///< none, or one
};

}  // namespace bookstore::tools
