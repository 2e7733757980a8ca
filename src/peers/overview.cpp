#include "peers/overview.hpp"

#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <utility>
#include <variant>

#include "base/json.hpp"

namespace bookstore::peers {

Peers::Read<Heard> reads_shaped(const kernel::Schema& schema, int also) {
    return
        [&schema, also](const http::ClientResponse& response) -> std::expected<Heard, std::string> {
            if (response.status != 200 && response.status != also) {
                return std::unexpected(fmt::format("it answered {}", response.status));
            }
            auto value = read_shaped(response.body, schema);
            if (!value) {
                return std::unexpected(std::move(value.error()));
            }
            return std::make_shared<const boost::json::value>(std::move(*value));
        };
}

std::expected<std::string, http::Answer> body_of(http::Answer answer, int also) {
    auto* response = std::get_if<http::Response>(&answer);
    if (response == nullptr || (response->status != 200 && response->status != also)) {
        return std::unexpected(std::move(answer));
    }
    return std::move(response->body);
}

std::vector<std::size_t> silent_of(const std::vector<Told<Heard>>& told) {
    std::vector<std::size_t> silent;
    for (const Told<Heard>& one : told) {
        if (!one.said) {
            silent.push_back(one.peer);
        }
    }
    return silent;
}

std::string with_peer(std::string object, std::string_view url) {
    object.pop_back();
    json::detail::append_next(object, "\"peer\":");
    json::append(object, url);
    return object += '}';
}

LinksMoved links_to_here(const Split& split, std::size_t peer, const http::Request& request) {
    return {split.peers.state(peer).url, request.base_url()};
}

PeerSilence silence_of(const Split& split, const Absent& absent) {
    PeerSilence silence{{}, reason_of(split, absent)};
    if (absent.peer) {
        if (const auto since = split.peers.state(*absent.peer).unreachable_since_ms) {
            silence.since = iso_timestamp(*since);
        }
    }
    return silence;
}

}  // namespace bookstore::peers
