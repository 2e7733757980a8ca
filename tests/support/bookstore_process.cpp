#include "support/bookstore_process.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "support/text_file.hpp"

namespace bookstore::test {
const std::string& binary() {
    static const std::string path = [] {
        const char* other = std::getenv("BOOKSTORE_BINARY");
        return std::string(other == nullptr ? BOOKSTORE_BINARY : other);
    }();
    return path;
}

bool binary_is_sanitized() {
    static const bool is = [] {
        const std::string bytes = text_of_file(binary());
        return bytes.find("__asan_init") != std::string::npos ||
               bytes.find("__tsan_init") != std::string::npos;
    }();
    return is;
}

Finished run_bookstore(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{binary()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_program(words);
}

BookstoreProcess::BookstoreProcess(
    const std::string& data_dir, std::vector<std::string> flags, Until until, int descriptors
) {
    std::vector<std::string> words{binary(), "serve", "--data-dir", data_dir};
    if (descriptors > 0) {
        const std::string limit = fmt::format("ulimit -n {}; exec \"$0\" \"$@\"", descriptors);
        words.insert(words.begin(), {"/bin/sh", "-c", limit});
    }
    if (std::ranges::find(flags, "--listen") == flags.end()) {
        words.insert(words.end(), {"--listen", "127.0.0.1:0"});
    }
    words.insert(words.end(), flags.begin(), flags.end());
    if (until == Until::listening) {
        words.insert(words.end(), {"--log-level", "debug"});
    }
    const std::string out = files_.path() + "/out";
    log_path_ = files_.path() + "/error";
    pid_ = start_program(words, {.out = out, .error = log_path_});
    const std::string& told = until == Until::open ? out : log_path_;
    const std::string operators_line = "bookstore listens for operators on ";
    const bool two =
        until == Until::open && std::ranges::find(flags, "--operator-listen") != flags.end();
    std::string text;
    const auto end_of_line = [&](const std::string& begin) {
        const auto at = text.find(begin);
        return at == text.npos ? text.npos : text.find('\n', at);
    };
    const std::string ordinary_line =
        until == Until::open ? "bookstore listens on " : "listening on ";
    const bool printed = eventually(
        [&] {
            status_ = exit_status_of(pid_);
            text = text_of_file(told);
            return status_ || (end_of_line(ordinary_line) != text.npos &&
                               (!two || end_of_line(operators_line) != text.npos));
        },
        std::chrono::seconds(120)
    );
    if (!printed || status_) {
        throw std::runtime_error("the bookstore did not start: " + log());
    }
    const auto url_behind = [&](const std::string& line) {
        const auto begin = text.find(line) + line.size();
        return text.substr(begin, text.find_first_of(",\n", begin) - begin);
    };
    url_ = url_behind(ordinary_line);
    operators_url_ = two ? url_behind(operators_line) : url_;
}

BookstoreProcess::~BookstoreProcess() {
    if (!status_) {
        kill();
    }
}

http::ClientResponse BookstoreProcess::get(
    const std::string& target, std::vector<http::Header> headers
) {
    return send(http::Method::get, target, {}, std::move(headers));
}

http::ClientResponse BookstoreProcess::send(
    http::Method method,
    const std::string& target,
    const std::string& json,
    std::vector<http::Header> headers
) {
    if (!json.empty()) {
        headers.push_back({"Content-Type", "application/json"});
    }
    http::Url url = http::parse_url(url_);
    url.target = target;
    return http::fetch(method, url, json, std::move(headers));
}

void BookstoreProcess::signal(int number) const {
    ::kill(pid_, number);
}

int BookstoreProcess::wait(std::chrono::seconds at_most) {
    if (!status_ &&
        !eventually([&] { return (status_ = exit_status_of(pid_)).has_value(); }, at_most)) {
        throw std::runtime_error("the bookstore does not end: " + log());
    }
    return *status_;
}

void BookstoreProcess::kill() {
    signal(SIGKILL);
    wait();
}

std::string BookstoreProcess::log() const {
    return text_of_file(log_path_);
}

void BookstoreProcess::wait_until_ready() {
    const bool ready = eventually([&] { return get("/isReady").status == 200; });
    if (!ready) {
        throw std::runtime_error("the bookstore does not get ready: " + log());
    }
}

}  // namespace bookstore::test
