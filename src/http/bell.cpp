#include "http/bell.hpp"

#include <utility>

namespace bookstore::http {

void Bell::ring() {
    rung_ = true;
    if (!waiting_) {
        return;
    }
    Resume resume = std::move(*waiting_);
    waiting_.reset();
    std::move(resume)();
}

Awaitable<void> Bell::rung() {
    if (!rung_) {
        constexpr Token use_await;
        auto keep = [this](auto handler) { waiting_.emplace(std::move(handler)); };
        co_await asio::async_initiate<const Token, void()>(keep, use_await);
    }
    rung_ = false;
}

}  // namespace bookstore::http
