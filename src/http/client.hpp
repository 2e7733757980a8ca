#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "http/tls.hpp"

namespace bookstore::http {

struct Url {
    std::string host;
    std::string port = "80";
    std::string target = "/";
    std::string path{};   ///< of a unix socket; empty: host and port count
    bool is_tls = false;  ///< https

    bool is_unix() const { return !path.empty(); }
};

/// Parses "http://host[:port][/target]", the same with https,
/// "http+unix://%2Frun%2Fbookstore.sock[/target]" or "unix:/run/bookstore.sock", which has no
/// target; throws std::invalid_argument with a readable reason.
Url parse_url(std::string_view url);

/// Its host and port as a Host field names them: "localhost" of a unix socket.
std::string authority_of(const Url& url);
/// "https://shop.example:8443", without the port that the scheme means anyway.
std::string origin_text(const Url& url);

struct ClientResponse {
    int status = 0;
    std::vector<Header> headers;
    std::string body;
};

/// A blocking exchange on a connection of its own, for the command line tools.
/// Throws std::system_error (refused, timed out, not to be trusted) with a readable message. The
/// time is for all of it, the handshake of TLS included.
ClientResponse fetch(
    Method method,
    const Url& url,
    const std::string& body = {},
    const std::vector<Header>& headers = {},
    std::chrono::milliseconds timeout = std::chrono::seconds(30),
    const ClientTls& tls = ClientTls()
);

/// A blocking GET whose body is handed on in pieces as it comes, with no limit of time, until the
/// server ends it or `on_data` returns false. Returns the status; of an error, `on_data` gets the
/// body.
int fetch_stream(
    const Url& url,
    const std::vector<Header>& headers,
    const std::function<void(int status)>& on_status,
    const std::function<bool(std::string_view piece)>& on_data,
    const ClientTls& tls = ClientTls()
);

}  // namespace bookstore::http
