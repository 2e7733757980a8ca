#include "processes.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/free_ports.hpp"

namespace bookstore::test {

Answer ask(
    Method method,
    const std::string& url,
    const std::string& json,
    std::vector<http::Header> headers
) {
    if (!json.empty()) {
        headers.push_back({"Content-Type", "application/json"});
    }
    auto got = http::fetch(method, http::parse_url(url), json, headers);
    return {got.status, std::move(got.headers), std::move(got.body)};
}

Processes::Processes(
    std::vector<std::string> modules,
    std::vector<std::string> flags,
    const std::vector<std::string>& more_peers
)
    : modules_(std::move(modules)),
      flags_(std::move(flags)),
      ports_(free_ports(modules_.size())),
      running_(modules_.size()) {
    std::vector<std::string> urls;
    for (std::size_t place = 0; place < modules_.size(); ++place) {
        urls.push_back(url(place));
    }
    urls.insert(urls.end(), more_peers.begin(), more_peers.end());
    peers_ = fmt::format("{}", fmt::join(urls, ","));
    for (std::size_t place = 0; place < modules_.size(); ++place) {
        directories_.push_back(std::make_unique<TemporaryDirectory>());
        start(place);
    }
}

std::string Processes::url(std::size_t place) const {
    return fmt::format("http://127.0.0.1:{}", ports_[place]);
}

void Processes::start(std::size_t place) {
    // All have the same list: each finds itself in it.
    std::vector<std::string> flags{
        "--listen",
        fmt::format("127.0.0.1:{}", ports_[place]),
        "--modules",
        modules_[place],
        "--kafka",
        "none",
        "--peers",
        peers_,
        "--peer-timeout",
        std::to_string(patience_.count())
    };
    flags.insert(flags.end(), flags_.begin(), flags_.end());
    running_[place] = std::make_unique<BookstoreProcess>(data_dir(place), flags);
    running_[place]->wait_until_ready();
}

void Processes::stop(std::size_t place) {
    at(place).signal(SIGTERM);
    REQUIRE(at(place).wait() == 0);
}

Answer Processes::get(
    std::size_t place, const std::string& target, std::vector<http::Header> headers
) {
    return ask(Method::get, url(place) + target, {}, std::move(headers));
}

Answer Processes::post(
    std::size_t place,
    const std::string& target,
    const std::string& json,
    std::vector<http::Header> headers
) {
    return ask(Method::post, url(place) + target, json, std::move(headers));
}

}  // namespace bookstore::test
