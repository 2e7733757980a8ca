#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "http/client.hpp"

namespace bookstore::test {

/// What the bookstore has promised by an answer: it must be true for ever.
struct Promises {
    struct Order {
        std::int64_t book_id;
        std::int64_t customer_id;
        std::int64_t quantity;
        std::string address;
        std::optional<std::int64_t> pay_cents;
    };
    struct StockInput {
        std::int64_t book_id;
        std::int64_t quantity;
    };
    std::map<std::int64_t, std::string> customers;
    std::map<std::int64_t, std::int64_t> books;  ///< initial stock
    std::set<std::int64_t> corrected_books;      ///< whose stock was (perhaps) set by PATCH
    std::map<std::int64_t, StockInput> stock_inputs;
    std::map<std::int64_t, Order> orders;
    std::set<std::int64_t> canceled;
    std::set<std::pair<std::int64_t, std::string>> moves;  ///< delivery, status
    std::set<std::int64_t> deleted_customers;
    std::set<std::int64_t> deleted_books;
    /// An order that was sent with an Idempotency-Key. Its address names the key.
    struct Keyed {
        std::string key;
        Order order;
        std::optional<std::int64_t> id;  ///< nothing: no answer came
    };
    std::vector<Keyed> keyed;
    std::vector<std::string> broken;  ///< answers that must never be given
    std::int64_t answers = 0;
    std::int64_t refused = 0;  ///< of them: 503 and 507
    std::int64_t lost = 0;     ///< of them: 502 and 504
    std::int64_t cut = 0;      ///< no answers: connections that were refused, or broke
};

/// Clients that create books and customers, place and cancel orders, put in stock and move
/// deliveries, until their server goes away. Notes every promise.
class Workload {
  public:
    enum class Disk { has_room, may_be_full };
    /// Behind a gateway a server that goes away comes back: clients go on, and what was answered
    /// with 502 or 504 may or may not have happened.
    enum class Way { direct, gateway };
    explicit Workload(Disk disk = Disk::has_room, Way way = Way::direct) : disk_(disk), way_(way) {}

    /// Runs that many clients, each with random numbers of its own, until `over` is set or their
    /// connections fail, where that is the end.
    void run(
        const std::string& url, std::uint64_t seed, unsigned clients, const std::atomic<bool>& over
    );
    const Promises& promises() const { return promises_; }
    /// Answers of 503 and 507 so far, also while clients run.
    std::int64_t refused() const;
    /// Notes an answer that must never be given.
    void broke(const std::string& what);

  private:
    class Client;

    const Disk disk_;  ///< a full one may answer 507
    const Way way_;
    mutable std::mutex mutex_;
    Promises promises_;  ///< guarded by mutex_ while clients run
};

}  // namespace bookstore::test
