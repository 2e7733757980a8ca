#pragma once

#include <boost/json/fwd.hpp>
#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "peers/shape.hpp"
#include "peers/split.hpp"

// What answers that are made of all processes' have in common.

namespace bookstore::peers {

/// A peer's answer, parsed and of the right shape.
using Heard = std::shared_ptr<const boost::json::value>;

/// Reads answers of that status, or of 200.
Peers::Read<Heard> reads_shaped(const kernel::Schema& schema, int also = 200);

/// The body of an answer of this process, or the answer itself when it has no such status.
std::expected<std::string, http::Answer> body_of(http::Answer answer, int also = 200);

/// The peers that did not answer.
std::vector<std::size_t> silent_of(const std::vector<Told<Heard>>& told);

/// A context's text with the peer that hosts it, `"peer":"http://..."`, as its last member.
std::string with_peer(std::string object, std::string_view url);

/// The links of that peer lead here from now on.
LinksMoved links_to_here(const Split& split, std::size_t peer, const http::Request& request);

/// `"since":...` and `"reason":...` of a peer that does not answer.
struct PeerSilence {
    std::string since;
    std::string reason;
};
PeerSilence silence_of(const Split& split, const Absent& absent);

}  // namespace bookstore::peers
