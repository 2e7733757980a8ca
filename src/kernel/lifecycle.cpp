#include "kernel/lifecycle.hpp"

#include <fmt/format.h>

#include "kernel/command.hpp"

namespace bookstore::kernel {

std::optional<http::Problem> Lifecycle::refuse_read() const {
    if (!stopped()) {
        return std::nullopt;
    }
    return unavailable(fmt::format("the {} context is stopped", context_));
}

std::optional<http::Problem> Lifecycle::refuse_write() const {
    if (state() != State::starting) {
        return refuse_read();
    }
    return unavailable(
        fmt::format("the {} context is starting: it reads the events it missed", context_)
    );
}

}  // namespace bookstore::kernel
