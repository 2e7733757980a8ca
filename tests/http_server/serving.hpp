#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "http/client.hpp"
#include "http/server.hpp"
#include "raw_client.hpp"
#include "support/authority.hpp"
#include "support/eventually.hpp"

namespace bookstore::test {

using namespace bookstore::http;

inline Response text(std::string body, int status = 200) {
    Response response;
    response.status = status;
    response.content_type = "text/plain";
    response.body = std::move(body);
    return response;
}

/// What a test and a stream on an I/O thread have in common.
struct Feed {
    std::mutex mutex;
    std::string pending;
    bool ended = false;
    bool endless = false;
    bool broken = false;
    std::function<void()> wake;
    std::atomic<int> streams{0};
    std::atomic<int> pulls{0};

    void say(std::string_view more, bool end = false) {
        std::function<void()> ring;
        REQUIRE(eventually([&] {
            const std::lock_guard lock(mutex);
            return wake != nullptr;
        }));
        {
            const std::lock_guard lock(mutex);
            pending += more;
            ended = end;
            ring = wake;
        }
        ring();
    }
};

class FeedStream final : public Stream {
  public:
    explicit FeedStream(std::shared_ptr<Feed> feed) : feed_(std::move(feed)) { ++feed_->streams; }
    FeedStream(const FeedStream&) = delete;
    FeedStream& operator=(const FeedStream&) = delete;
    ~FeedStream() override { --feed_->streams; }

    State next(std::string& out) override {
        ++feed_->pulls;
        const std::lock_guard lock(feed_->mutex);
        if (feed_->broken) {
            throw std::runtime_error("the feed broke");
        }
        if (feed_->endless) {
            out.append(1000, 'x');
            return State::more;
        }
        // In small pieces, so that "more" is tried.
        const auto piece = feed_->pending.substr(0, 7);
        out += piece;
        feed_->pending.erase(0, piece.size());
        if (!feed_->pending.empty()) {
            return State::more;
        }
        return feed_->ended ? State::end : State::wait;
    }

    void on_ready(std::function<void()> wake) override {
        const std::lock_guard lock(feed_->mutex);
        feed_->wake = std::move(wake);
    }

    std::string_view heartbeat() const override { return ":beat\n"; }

  private:
    std::shared_ptr<Feed> feed_;
};

/// Answers that a test gives when it wants to.
class Desk {
  public:
    void put(const Request& request, Done done) {
        const std::lock_guard lock(mutex_);
        waiting_.emplace_back(&request, std::move(done));
    }
    std::optional<std::pair<const Request*, Done>> try_take() {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
            return std::nullopt;
        }
        auto first = std::move(waiting_.front());
        waiting_.erase(waiting_.begin());
        return first;
    }
    std::pair<const Request*, Done> take() {
        std::pair<const Request*, Done> taken;
        REQUIRE(eventually([&] {
            auto first = try_take();
            if (!first) {
                return false;
            }
            taken = std::move(*first);
            return true;
        }));
        return taken;
    }

  private:
    std::mutex mutex_;
    std::vector<std::pair<const Request*, Done>> waiting_;
};

struct Logged {
    std::string method;
    std::string target;
    int status;
    std::string request_id;
    std::string peer{};
    std::uint64_t sent_bytes = 0;
};

/// A server with a handler for each thing that a test may want.
class Serving {
  public:
    explicit Serving(
        ServerOptions options = {}, const std::function<void(Server::Hooks&)>& more_hooks = {}
    ) {
        options.port = 0;
        if (is_secure() && !options.tls) {
            static const Authority authority;
            const auto pair = authority.issue("server");
            options.tls = {.certificate = pair.certificate, .key = pair.key};
            RawClient::everywhere = tls_client_context();
            ::setenv("SSL_CERT_FILE", authority.file().c_str(), 1);
        }
        server_ = std::make_unique<Server>(
            options,
            [this](Request& request, Done done) { answer(request, std::move(done)); },
            [this](const Access& access) {
                const std::lock_guard lock(mutex_);
                log_.push_back(
                    {std::string(access.method),
                     std::string(access.target),
                     access.status,
                     std::string(access.request_id),
                     std::string(access.peer),
                     access.sent_bytes}
                );
            }
        );
        Server::Hooks hooks;
        hooks.precheck = [](Request& request) -> std::optional<Problem> {
            if (request.path != "/picky") {
                return std::nullopt;
            }
            return Problem{415, "not like that", {}, {}};
        };
        hooks.decorate = [](const Request& request, Response& response) {
            if (request.header("origin")) {
                response.headers.push_back({"X-Decorated", "yes"});
            }
        };
        hooks.error_log = [this](std::string_view id, std::string_view what) {
            const std::lock_guard lock(mutex_);
            errors_.push_back(std::string(id) + ": " + std::string(what));
        };
        hooks.notice = [this](std::string_view what) {
            const std::lock_guard lock(mutex_);
            notices_.emplace_back(what);
        };
        if (more_hooks) {
            more_hooks(hooks);
        }
        server_->set_hooks(std::move(hooks));
        server_->start();
    }

    Server& server() { return *server_; }
    void destroy_server() { server_.reset(); }
    std::string scheme() const { return server_->url().substr(0, server_->url().find(':')); }
    RawClient client() { return RawClient(server_->port()); }
    Url url(std::string target) {
        Url url = parse_url(server_->url());
        url.target = std::move(target);
        return url;
    }

    Reply get(std::string_view target, std::string_view fields = "") {
        auto client = this->client();
        client.send(
            "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n"
        );
        return client.reply();
    }

    std::vector<Logged> log(std::size_t count) {
        REQUIRE(eventually([&] {
            const std::lock_guard lock(mutex_);
            return log_.size() >= count;
        }));
        const std::lock_guard lock(mutex_);
        return log_;
    }
    /// The last request that was answered with its own text.
    Request last() {
        const std::lock_guard lock(mutex_);
        return last_;
    }
    std::vector<std::string> errors() {
        const std::lock_guard lock(mutex_);
        return errors_;
    }

    std::vector<std::string> notices() {
        const std::lock_guard lock(mutex_);
        return notices_;
    }

    Desk desk;
    std::shared_ptr<Feed> feed = std::make_shared<Feed>();
    std::atomic<int> answered{0};

  private:
    void answer(Request& request, Done done) {
        ++answered;
        const std::string& path = request.path;
        if (path == "/late") {
            return desk.put(request, std::move(done));
        }
        if (path == "/throw") {
            throw std::runtime_error("secret detail");
        }
        if (path == "/throw-int") {
            throw 42;
        }
        if (path == "/drop") {
            return;
        }
        if (path == "/big") {
            return done(text(std::string(8 << 20, 'b')));
        }
        if (path == "/empty") {
            return done(text("not sent", 204));
        }
        if (path == "/farewell") {
            Response last = text("that was all");
            last.headers.push_back({"Connection", "close"});
            return done(std::move(last));
        }
        if (path == "/unchanged") {
            return done(text("", 304));
        }
        if (path == "/problem") {
            return done(Problem{409, "not now", {}, {{"Retry-After", "3"}}});
        }
        if (path == "/stream") {
            Response response;
            response.content_type = "text/event-stream";
            response.stream = std::make_unique<FeedStream>(feed);
            return done(std::move(response));
        }
        {
            const std::lock_guard lock(mutex_);
            last_ = request;
        }
        done(text(std::string(name_of(request.method)) + " " + path + " " + request.body));
    }

    std::mutex mutex_;
    Request last_;
    std::vector<Logged> log_;
    std::vector<std::string> errors_;
    std::vector<std::string> notices_;
    std::unique_ptr<Server> server_;
};

}  // namespace bookstore::test
