#include "tools/server_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "http/token_file.hpp"

namespace bookstore::tools {
namespace {

std::optional<boost::json::object> parsed_object(std::string_view body) {
    boost::json::error_code error;
    auto value = boost::json::parse(body, error);
    if (error || !value.is_object()) {
        return std::nullopt;
    }
    return std::move(value.get_object());
}

std::string message_of(std::string_view body) {
    const auto problem = parsed_object(body);
    const auto* message = problem ? problem->if_contains("message") : nullptr;
    return message != nullptr && message->is_string() ? std::string(message->get_string())
                                                      : std::string(body);
}

}  // namespace

ServerClient::ServerClient(const ServerPlace& server)
    : url_(server.url), tls_(read_client_tls(server.tls)), base_(url_) {
    if (base_.ends_with('/')) {
        base_.pop_back();
    }
    if (!server.token_file.empty()) {
        authorization_.push_back(http::TokenFile(server.token_file).header());
    } else if (!server.token.empty()) {
        authorization_.push_back(http::bearer(server.token));
    }
}

http::Url ServerClient::url_of(std::string_view target) const {
    if (!base_.starts_with("unix:")) {
        return http::parse_url(base_ + std::string(target));
    }
    auto url = http::parse_url(url_);
    url.target = target;
    return url;
}

http::ClientResponse ServerClient::send(const ServerRequest& request) const {
    auto headers = request.headers;
    const bool has_one = std::ranges::any_of(headers, [](const http::Header& header) {
        return header.name == "Authorization";
    });
    if (!has_one) {
        headers.insert(headers.end(), authorization_.begin(), authorization_.end());
    }
    if (!request.body.empty()) {
        headers.push_back({"Content-Type", "application/json"});
    }
    return http::fetch(
        request.method, url_of(request.target), request.body, headers, request.timeout, tls_
    );
}

boost::json::object ServerClient::object(const ServerRequest& request) const {
    const auto answer = send(request);
    auto body = parsed_object(answer.body);
    if (!body) {
        throw std::runtime_error(
            fmt::format("{} answered {}: is it a bookstore?", url_, answer.status)
        );
    }
    if (answer.status >= 300) {
        throw failure(answer.status, answer.body);
    }
    return std::move(*body);
}

void ServerClient::stream(
    std::string_view target, const std::function<void(std::string_view piece)>& on_data
) const {
    int status = 0;
    std::string error;
    http::fetch_stream(
        url_of(target),
        authorization_,
        [&status](int answered) { status = answered; },
        [&](std::string_view piece) {
            if (status == 200) {
                on_data(piece);
            } else {
                error += piece;
            }
            return true;
        },
        tls_
    );
    if (status != 200) {
        throw failure(status, error);
    }
}

std::runtime_error ServerClient::failure(int status, std::string_view body) const {
    const std::string message = message_of(body);
    const bool elsewhere = status == 404 && message.starts_with("There is nothing at");
    std::string_view hint;
    if (elsewhere) {
        hint = "; is --url where it listens for operators (--operator-listen)?";
    } else if (status == 401) {
        hint = " Give one by --token-file or BOOKSTORE_TOKEN; `bookstore token` makes some.";
    }
    return std::runtime_error(fmt::format("{} answered {}: {}{}", url_, status, message, hint));
}

}  // namespace bookstore::tools
