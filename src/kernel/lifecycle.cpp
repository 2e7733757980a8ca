#include "kernel/lifecycle.hpp"

#include <fmt/format.h>

#include "kernel/command.hpp"

namespace bookstore::kernel {

std::optional<http::Problem> Lifecycle::read_problem() const {
    if (!stopped()) {
        return std::nullopt;
    }
    return unavailable(fmt::format("the {} context is stopped", context_));
}

std::optional<http::Problem> Lifecycle::own_write_problem() const {
    if (stopped() || gate_.is_open()) {
        return read_problem();
    }
    return unavailable(fmt::format("the {} context takes no writes: {}", context_, gate_.reason()));
}

std::optional<http::Problem> Lifecycle::write_problem() const {
    if (state() != State::starting || !gate_.is_open()) {
        return own_write_problem();
    }
    return unavailable(
        fmt::format("the {} context is starting: it reads the events it missed", context_)
    );
}

}  // namespace bookstore::kernel
