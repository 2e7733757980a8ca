#include "http/kept_connections.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace bookstore::http {

namespace {

/// Whether the server has said nothing more, not even that it is closed.
bool is_quiet(KeptConnections::Socket& socket) {
    char c = 0;
    const auto count = ::recv(socket.native_handle(), &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

std::optional<KeptConnections::Socket> KeptConnections::take() {
    while (!kept_.empty()) {
        Kept last = std::move(kept_.back());
        kept_.pop_back();
        if (last.until > Clock::now() && is_quiet(last.socket)) {
            return std::move(last.socket);
        }
    }
    return std::nullopt;
}

void KeptConnections::keep(Socket socket) {
    kept_.push_back({std::move(socket), Clock::now() + idle_timeout_});
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
