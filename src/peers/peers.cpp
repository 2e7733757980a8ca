#include "peers/peers.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>

#include "http/text.hpp"

namespace bookstore::peers {

namespace {

std::string what_is_wrong(int status) {
    std::string_view hint;
    if (status == 404) {
        hint = ": is this where it listens for operators (--operator-listen)?";
    } else if (status == 401 || status == 403) {
        hint = ": it does not let this process in (--port-token-file)";
    }
    return fmt::format("it answered {}{}", status, hint);
}

}  // namespace

bool is_asked_by_peer(const http::Request& request) {
    return request.header(asked_by_peer).has_value();
}

struct Peers::One {
    One(std::string url, http::PeerOptions options)
        : state({.url = std::move(url)}), peer(std::move(options)) {}

    mutable std::mutex mutex;
    PeerState state;  ///< guarded by the mutex
    std::atomic<std::size_t> calls{0};
    http::Peer peer;  ///< the first to go: its thread uses the rest
};

Peers::Peers(PeersOptions options, const Clock& clock, std::string process)
    : options_(std::move(options)), clock_(clock), process_(std::move(process)) {
    for (const http::Url& origin : options_.origins) {
        std::string url = http::origin_text(origin);
        http::PeerOptions peer{
            .origin = origin,
            .tls = options_.tls,
            .max_body_bytes = options_.max_body_bytes,
            .error_log = [url](std::string_view what) { spdlog::error("peer {}: {}", url, what); }
        };
        peers_.push_back(std::make_unique<One>(std::move(url), std::move(peer)));
    }
}

Peers::~Peers() = default;

PeerState Peers::state(std::size_t peer) const {
    const One& one = *peers_[peer];
    const std::lock_guard lock(one.mutex);
    return one.state;
}

std::vector<PeerState> Peers::states() const {
    std::vector<PeerState> states;
    for (std::size_t peer = 0; peer < count(); ++peer) {
        states.push_back(state(peer));
    }
    return states;
}

void Peers::note_contexts(std::size_t peer, std::vector<std::string> contexts) {
    One& one = *peers_[peer];
    const std::lock_guard lock(one.mutex);
    one.state.was_heard = true;
    one.state.contexts = std::move(contexts);
}

void Peers::note(std::size_t peer, const std::optional<std::string>& fault) {
    One& one = *peers_[peer];
    const std::lock_guard lock(one.mutex);
    PeerState& state = one.state;
    if (!fault) {
        if (state.unreachable_since_ms) {
            spdlog::info("peer {}: it answers again", state.url);
        }
        state.unreachable_since_ms.reset();
        state.reason.clear();
        return;
    }
    if (!state.unreachable_since_ms) {
        spdlog::warn("peer {}: {}", state.url, *fault);
        state.unreachable_since_ms = clock_.now_ms();
    }
    state.reason = *fault;
}

bool Peers::is_self(const http::ClientResponse& response) const {
    return std::ranges::any_of(response.headers, [this](const http::Header& header) {
        return http::equal_ignoring_case(header.name, answered_by) && header.value == process_;
    });
}

void Peers::send(
    std::size_t peer, http::PeerRequest request, std::function<void(const Result&)> done
) {
    One& one = *peers_[peer];
    if (one.calls.fetch_add(1, std::memory_order_acq_rel) >= options_.calls) {
        one.calls.fetch_sub(1, std::memory_order_acq_rel);
        done(std::unexpected(fmt::format("{} questions to it are under way", options_.calls)));
        return;
    }
    request.timeout =
        request.method == http::Method::get ? options_.ask_timeout : options_.act_timeout;
    request.headers.push_back({std::string(asked_by_peer), "1"});
    if (options_.token) {
        request.headers.push_back(options_.token->header());
    }
    one.peer.send(std::move(request), [&one, done = std::move(done)](const Result& result) {
        one.calls.fetch_sub(1, std::memory_order_acq_rel);
        done(result);
    });
}

void Peers::get(
    std::size_t peer,
    const std::string& target,
    std::function<std::optional<std::string>(const http::ClientResponse&)> fault_of,
    std::function<void(std::optional<std::string> fault, bool is_self)> done
) {
    if (state(peer).is_self) {
        done(std::nullopt, true);
        return;
    }
    http::PeerRequest request{
        .target = target, .headers = {{"Accept", "application/json"}}, .body = {}
    };
    send(
        peer,
        std::move(request),
        [this, peer, fault_of = std::move(fault_of), done = std::move(done)](const Result& result) {
            if (result && is_self(*result)) {
                const std::lock_guard lock(peers_[peer]->mutex);
                peers_[peer]->state.is_self = true;
            }
            if (state(peer).is_self) {
                done(std::nullopt, true);
                return;
            }
            std::optional<std::string> fault;
            if (!result) {
                fault = result.error();
            } else if (auto why = fault_of(*result)) {
                fault = result->status == 200 ? "it does not answer properly: " + *why
                                              : what_is_wrong(result->status);
            }
            note(peer, fault);
            done(std::move(fault), false);
        }
    );
}

}  // namespace bookstore::peers
