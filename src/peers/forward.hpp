#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "peers/split.hpp"

namespace bookstore::peers {

/// What a process hosts, by its GET /modules.
struct Hosted {
    std::vector<std::string> contexts;
    std::vector<std::string> subscriptions;
};
/// Reads it, checked; it may host contexts of the table alone.
Peers::Read<Hosted> reads_hosted(const Split& split);

/// Gives the request to that peer, and the peer's answer to the client: status, body and the
/// headers that matter, with its links leading here. Without an answer: 502, 503 or 504. What
/// changes something is refused to pages of other origins first.
void forward(Split& split, std::size_t peer, const http::Request& request, const http::Done& done);

/// The same to the first peer that hosts what is wanted. When none does: `otherwise`, or 503 when
/// some peer does not answer.
void forward_to_owner(
    Split& split,
    std::string what,
    std::function<bool(const Hosted&)> wanted,
    const http::Request& request,
    const http::Done& done,
    std::function<void()> otherwise
);

/// The same by the context's name.
void forward_to_context(
    Split& split, const std::string& context, const http::Request& request, const http::Done& done
);

}  // namespace bookstore::peers
