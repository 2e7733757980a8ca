#include "kernel/cross_origin.hpp"

#include <fmt/format.h>

#include "http/cors.hpp"
#include "kernel/command.hpp"

namespace bookstore::kernel {

std::optional<http::Problem> refuse_cross_origin(const http::Request& request) {
    if (http::is_cross_origin(request)) {
        return problem(403, "operator actions are refused to pages of another origin");
    }
    if (request.method == http::Method::get && http::is_embeddable(request)) {
        return problem(
            403,
            "this GET does something, and is refused to what a page can embed: send it by a tool "
            "such as curl, or with X-Requested-With"
        );
    }
    if (request.foreign_name) {
        return problem(
            403,
            fmt::format(
                "at {} operator actions are refused: use localhost or an address, or name that "
                "host by --allowed-hosts, or your proxy by --trusted-proxy",
                request.host
            )
        );
    }
    return std::nullopt;
}

}  // namespace bookstore::kernel
