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

std::optional<http::Problem> Lifecycle::write_problem() const {
    if (state() != State::starting) {
        return read_problem();
    }
    return unavailable(
        fmt::format("the {} context is starting: it reads the events it missed", context_)
    );
}

}  // namespace bookstore::kernel
