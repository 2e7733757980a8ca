#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/bookstore_process.hpp"
#include "support/kafka_shop.hpp"

namespace bookstore::test {

using Method = http::Method;

/// What the bookstore answered.
struct Answer {
    int status = 0;
    std::vector<http::Header> headers;
    std::string body;

    /// The body, which must be JSON.
    boost::json::value json() const;
    /// A field of the body, or of what lies under it: "page.totalElements", "_links.self.href".
    /// JSON text; a string without its quotes; "missing" when it is not there.
    std::string field(std::string_view path) const;
    /// The items of that collection under _embedded.
    std::vector<boost::json::object> items(std::string_view collection) const;
    /// Empty when there is none of that name.
    std::string header(std::string_view name) const;
    /// The number at the end of Location.
    std::int64_t id() const;
};

/// What is wrong with an answer that should be the contract's error body of that status and path;
/// empty when nothing is.
std::string error_fault(const Answer& answer, int status, const std::string& path);

/// JSON text; a string without its quotes.
std::string text_of(const boost::json::value& value);

/// Quick VAN drills, for bookstores whose tests wait for them.
std::vector<std::string> quick_van();

/// The environment's BOOKSTORE_FORM is "seven" or "two": stories happen in a bookstore of several
/// processes, behind the gateway. For cases that are of one process, `*
/// doctest::skip(in_a_split())`.
bool in_a_split();

/// A bookstore of its own, and what its users do.
class Story {
  public:
    explicit Story(std::vector<std::string> flags = {});
    /// In that shop, whatever the environment says; it is not started here.
    explicit Story(std::unique_ptr<KafkaShop> shop);

    KafkaShop& shop() { return *shop_; }
    /// Where its users find it: "http://127.0.0.1:PORT".
    std::string url() const;
    std::uint16_t port() const;
    /// Of the one process.
    const std::string& data_dir() const { return directory_.path(); }
    /// The one process.
    BookstoreProcess& process() { return *process_; }
    /// Stops it (SIGTERM, exit status 0) and starts it on the same directory.
    void restart(std::vector<std::string> flags = {});
    void stop();
    /// SIGKILL.
    void kill();
    /// Starts it on the same directory after a stop or kill.
    void start(std::vector<std::string> flags = {});
    /// What was written to standard error, of all processes.
    std::string log() const;

    Answer get(const std::string& target, std::vector<http::Header> headers = {});
    Answer post(const std::string& target, const std::string& json = {});
    Answer put(const std::string& target, const std::string& json);
    Answer patch(const std::string& target, const std::string& json);
    Answer del(const std::string& target);
    Answer send(
        Method method,
        const std::string& target,
        const std::string& body = {},
        std::vector<http::Header> headers = {}
    );

    // ---- given, when (each must succeed)

    std::int64_t given_customer(const std::string& name = "kim");
    std::int64_t given_book(std::int64_t stock, const std::string& name = "DDD");
    /// The id of an order that was answered with 201.
    std::int64_t place_order(
        std::int64_t book,
        std::int64_t customer,
        std::int64_t quantity = 1,
        const std::string& pay_amount = "1000.0"
    );
    std::int64_t put_in_stock(std::int64_t book, std::int64_t quantity);
    void cancel(std::int64_t order);

    // ---- then

    /// A field of what GET answers: of("/orders/1", "orderStatus").
    std::string of(const std::string& target, std::string_view field);
    /// Waits until that field has that value; false when it did not within 20 s.
    bool becomes(const std::string& target, std::string_view field, const std::string& value);
    bool order_becomes(std::int64_t order, const std::string& status);
    bool payment_becomes(std::int64_t order, const std::string& status);

    /// The events so far, JSON lines; of that type, of that key, when given.
    std::vector<std::string> events(const std::string& type = {}, const std::string& key = {});
    /// The first of that type; waits for it.
    std::string event(const std::string& type);
    std::size_t count(const std::string& type, const std::string& key = {});
    /// Waits until there are so many.
    bool published(const std::string& type, std::size_t times, const std::string& key = {});
    /// What the events say of an order's delivery, one status after the other, by space.
    std::string deliveries_of(std::int64_t order);

    /// Comes to rest; stops it, and returns what its files violate of the invariants, a line each.
    std::string ends_with();

  private:
    std::vector<std::string> data_dirs() const;

    TemporaryDirectory directory_;
    std::unique_ptr<BookstoreProcess> process_;
    std::unique_ptr<KafkaShop> shop_;  ///< in a split, and no process_
};

}  // namespace bookstore::test
