#include "http/kept_connections.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace bookstore::http {

namespace {

/// Whether the server has said nothing more, not even that it is closed.
bool is_quiet(PeerConnection& connection) {
    char c = 0;
    if (connection.tls && connection.tls->has_pending()) {
        return false;
    }
    const auto count = ::recv(connection.socket.native_handle(), &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

std::optional<PeerConnection> KeptConnections::take() {
    while (!kept_.empty()) {
        Kept last = std::move(kept_.back());
        kept_.pop_back();
        if (last.until > Clock::now() && is_quiet(last.connection)) {
            return std::move(last.connection);
        }
    }
    return std::nullopt;
}

void KeptConnections::keep(PeerConnection connection) {
    kept_.push_back({std::move(connection), Clock::now() + idle_timeout_});
    close_idle_later();
}

void KeptConnections::close_idle_later() {
    if (timer_runs_ || kept_.empty()) {
        return;
    }
    timer_runs_ = true;
    timer_.expires_at(kept_.front().until);
    timer_.async_wait([this](boost::system::error_code ec) {
        timer_runs_ = false;
        if (ec) {
            return;
        }
        std::erase_if(kept_, [now = Clock::now()](const Kept& one) { return one.until <= now; });
        close_idle_later();
    });
}

}  // namespace bookstore::http
