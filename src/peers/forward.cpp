#include "peers/forward.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <utility>

#include "http/text.hpp"
#include "kernel/command.hpp"
#include "kernel/cross_origin.hpp"
#include "peers/shape.hpp"

namespace bookstore::peers {
namespace {

constexpr std::array<std::string_view, 4> headers_to = {
    "Accept", "Content-Type", "Idempotency-Key", "If-None-Match"
};
constexpr std::array<std::string_view, 5> headers_back = {
    "Location", "Retry-After", "Allow", "ETag", "Cache-Control"
};

std::string_view header_of(const http::ClientResponse& response, std::string_view name) {
    const auto found = std::ranges::find_if(response.headers, [name](const http::Header& header) {
        return http::equal_ignoring_case(header.name, name);
    });
    return found == response.headers.end() ? std::string_view() : found->value;
}

http::PeerRequest request_for(const http::Request& request) {
    http::PeerRequest forwarded{
        // The server leaves the body of an answer to HEAD out by itself.
        .method = request.method == http::Method::head ? http::Method::get : request.method,
        .target = request.target,
        .headers = {},
        .body = request.body
    };
    for (const std::string_view name : headers_to) {
        if (const auto value = request.header(name)) {
            forwarded.headers.push_back({std::string(name), std::string(*value)});
        }
    }
    if (!request.trace.empty()) {
        forwarded.headers.push_back({"traceparent", request.trace});
    }
    return forwarded;
}

bool is_json(std::string_view text) {
    boost::json::error_code error;
    boost::json::parse(text, error);
    return !error;
}

/// Operators' paths answer JSON, or nothing.
bool is_proper(const http::ClientResponse& response) {
    const std::string_view type = header_of(response, "Content-Type");
    return response.status >= 200 && response.status < 600 &&
           (response.body.empty() || (type.find("json") != type.npos && is_json(response.body)));
}

http::Response given_back(
    http::ClientResponse response, const std::string& url, const std::string& base_url
) {
    const LinksMoved links{url, base_url};
    http::Response given;
    given.status = response.status;
    given.content_type = header_of(response, "Content-Type");
    for (const std::string_view name : headers_back) {
        const std::string_view value = header_of(response, name);
        if (value.empty()) {
            continue;
        }
        const bool leads_there = name == "Location" && value.starts_with(url + "/");
        given.headers.push_back(
            {std::string(name),
             leads_there ? base_url + std::string(value.substr(url.size())) : std::string(value)}
        );
    }
    given.body = with_links_moved(response.body, links);
    return given;
}

http::Problem no_answer(
    const std::string& url, const std::string& why, const http::Request& request
) {
    const bool reads = request.method == http::Method::get || request.method == http::Method::head;
    if (why.starts_with("no answer within") && !reads) {
        return kernel::problem(
            504, fmt::format("{} did not answer in time: it may have done it, or may yet", url)
        );
    }
    return kernel::unavailable(fmt::format("{} does not answer: {}", url, why));
}

/// Looks for who hosts something, and hands the request on as soon as one is found.
struct Search {
    std::atomic<bool> found{false};
};

}  // namespace

Peers::Read<Hosted> reads_hosted(const Split& split) {
    return [&split](const http::ClientResponse& response) -> std::expected<Hosted, std::string> {
        const auto list = read_shaped(response.body, split.modules);
        if (!list) {
            return std::unexpected(list.error());
        }
        Hosted hosted;
        for (const auto& module : list->at("_embedded").at("modules").as_array()) {
            std::string name(module.at("name").as_string());
            if (!is_context(split, name)) {
                return std::unexpected("it hosts what is no context here");
            }
            hosted.contexts.push_back(std::move(name));
            for (const auto& subscription : module.at("subscriptions").as_array()) {
                hosted.subscriptions.emplace_back(subscription.at("name").as_string());
            }
        }
        return hosted;
    };
}

void forward(Split& split, std::size_t peer, const http::Request& request, const http::Done& done) {
    const std::string url = split.peers.state(peer).url;
    split.peers
        .send(peer, request_for(request), [url, &request, done](const Peers::Result& result) {
            if (!result) {
                done(no_answer(url, result.error(), request));
            } else if (result->status == 401) {
                // Who asked was let in here: it is this process that is not known there.
                done(kernel::problem(
                    502, fmt::format("{} does not let this process in (--port-token-file)", url)
                ));
            } else if (!is_proper(*result)) {
                done(kernel::problem(502, fmt::format("{} does not answer properly", url)));
            } else {
                done(given_back(*result, url, request.base_url()));
            }
        });
}

void forward_to_owner(
    Split& split,
    std::string what,
    std::function<bool(const Hosted&)> wanted,
    const http::Request& request,
    const http::Done& done,
    std::function<void()> otherwise
) {
    const bool reads = request.method == http::Method::get || request.method == http::Method::head;
    if (!reads) {
        if (auto problem = kernel::refuse_cross_origin(request)) {
            done(std::move(*problem));
            return;
        }
    }
    auto search = std::make_shared<Search>();
    const auto each =
        [&split, search, wanted = std::move(wanted), &request, done](const Told<Hosted>& told) {
            if (told.said && wanted(*told.said) && !search->found.exchange(true)) {
                forward(split, told.peer, request, done);
            }
        };
    const auto end = [&split,
                      search,
                      what = std::move(what),
                      done,
                      otherwise = std::move(otherwise)](const std::vector<Told<Hosted>>& told) {
        if (search->found) {
            return;
        }
        std::string silent;
        for (const Told<Hosted>& one : told) {
            if (!one.said) {
                silent += fmt::format(
                    "{}{} ({})",
                    silent.empty() ? "" : ", ",
                    split.peers.state(one.peer).url,
                    one.said.error()
                );
            }
        }
        if (silent.empty()) {
            otherwise();
        } else {
            done(kernel::unavailable(
                fmt::format("{} is at no process that answers; silent: {}", what, silent)
            ));
        }
    };
    split.peers.ask_all<Hosted>("/modules", reads_hosted(split), each, end);
}

void forward_to_context(
    Split& split, const std::string& context, const http::Request& request, const http::Done& done
) {
    forward_to_owner(
        split,
        fmt::format("the {} context", context),
        [context](const Hosted& hosted) {
            return std::ranges::find(hosted.contexts, context) != hosted.contexts.end();
        },
        request,
        done,
        [context, done] {
            done(kernel::problem(404, fmt::format("no process hosts the {} context", context)));
        }
    );
}

}  // namespace bookstore::peers
