#include "kernel/cross_origin.hpp"

#include <fmt/format.h>

#include "http/cors.hpp"
#include "kernel/command.hpp"

namespace bookstore::kernel {

std::optional<http::Problem> refuse_cross_origin(const http::Request& request) {
    if (http::is_cross_origin(request)) {
        return problem(403, "operator actions are refused to pages of another origin");
    }
    if (http::is_rebound(request)) {
        return problem(
            403,
            fmt::format(
                "at {} operator actions are refused on this machine: use localhost or an address, "
                "or name your proxy by --trusted-proxy",
                request.host
            )
        );
    }
    return std::nullopt;
}

}  // namespace bookstore::kernel
