#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/bookstore_process.hpp"

namespace bookstore::test {

/// A bookstore on a directory of its own, that has a page written about it.
class Shop {
  public:
    /// Waits until it is ready.
    explicit Shop(const std::vector<std::string>& flags = {});

    BookstoreProcess& process() { return *process_; }
    void restart(const std::vector<std::string>& flags = {});
    /// Starts it again with two events of one key in its log, which must be empty, that no handler
    /// can read; the first one is parked at once.
    void break_log();
    /// Waits until that field of what GET answers has that value; "page.totalElements" is below
    /// "page". Throws std::runtime_error when it does not within 20 s.
    void wait(const std::string& target, std::string_view field, std::string_view value);
    /// Waits until so many events are in the log: what is published afterwards stands behind them.
    void wait_for_events(std::size_t count);

  private:
    void start(const std::vector<std::string>& flags);

    TemporaryDirectory directory_;
    std::unique_ptr<BookstoreProcess> process_;
};

/// A request as a reader of the page sends it with curl.
struct Curl {
    http::Method method = http::Method::get;
    std::string target;
    std::vector<http::Header> headers = {};
    std::string body = {};
    /// Shows so many lines of the answer's body at most; 0: all of them.
    std::size_t most_lines = 0;
};

/// A Markdown page of requests and answers. Each request is sent when it is written.
class Page {
  public:
    struct Sent {
        http::Method method;
        std::string path;
        int status;
    };

    /// Whom the requests go to from now on.
    void about(Shop& shop) { shop_ = &shop; }

    void chapter(const std::string& title);
    /// A paragraph; its lines are broken here.
    void say(const std::string& text);

    http::ClientResponse curl(const Curl& request);
    /// http :8080/payments
    http::ClientResponse httpie(const std::string& target);
    /// http POST :8080/books bookName="C++" stock=150: a JSON object of strings.
    http::ClientResponse httpie_post(
        const std::string& target, const std::vector<std::pair<std::string, std::string>>& fields
    );

    /// A place to go back to, when what was written since must not stay.
    struct Mark {
        std::size_t chapters;
        std::size_t text;
        std::size_t sent;
    };
    Mark mark() const { return {chapters_.size(), text_.size(), sent_.size()}; }
    void go_back(const Mark& mark);

    /// The page: `head`, a table of contents, the chapters.
    std::string markdown(const std::string& head) const;
    const std::vector<Sent>& sent() const { return sent_; }

  private:
    http::ClientResponse send(
        const Curl& request, std::string_view command, std::vector<http::Header> headers
    );
    std::string shown(const http::ClientResponse& response, std::size_t most_lines) const;
    std::string normal(std::string text) const;

    Shop* shop_ = nullptr;
    std::vector<std::string> chapters_;
    std::string text_;
    std::vector<Sent> sent_;
};

/// The value of the first header of that name; throws std::runtime_error when there is none.
std::string header_of(const http::ClientResponse& response, std::string_view name);

}  // namespace bookstore::test
