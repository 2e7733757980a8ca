#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "check/findings.hpp"
#include "check/sqlite_file.hpp"

// What the bus has of each order, small enough that a million of them fit into memory.

namespace bookstore::check {

enum class Context : std::uint8_t {
    customer,
    inventory,
    order,
    delivery,
    payment,
    payment_history,
    van
};
constexpr std::size_t contexts = 7;
constexpr std::array<std::string_view, contexts> context_names{
    "customer", "inventory", "order", "delivery", "payment", "payment_history", "van"
};

enum class Type : std::uint8_t {
    registered,
    changed,
    deleted,
    book_registered,
    book_deleted,
    inventory_increased,
    ordered,
    order_canceled,
    delivery_prepared,
    delivery_status_changed,
    payed,
    payment_failed,
    payment_canceled,
    unknown
};
std::string_view name_of(Type type);
Type type_of(std::string_view name);

/// Words, each a small number.
class Words {
  public:
    std::uint8_t number_of(std::string_view word);
    const std::string& text(std::uint8_t number) const { return words_[number]; }

  private:
    std::vector<std::string> words_{"none of the contract's"};
};

/// An event about an order.
struct Fact {
    std::int64_t order;
    std::int64_t position;
    std::int64_t subject;  ///< the delivery or payment that it names
    Type type;
    std::uint8_t status;  ///< of the delivery or the payment, one of Log::words
};

/// What an Ordered says.
struct OrderedFact {
    std::int64_t order;
    std::int64_t book;
    std::int64_t customer;
    std::int64_t quantity;
    std::optional<std::int64_t> amount;  ///< cents
    std::int64_t time_ms;
    std::size_t texts;  ///< hash_of_texts
};

/// Stands for an address and a type of payment.
std::size_t hash_of_texts(std::string_view address, const std::optional<std::string>& pay_type);

/// The topic.
struct Log {
    std::vector<Fact> facts;           ///< by order, then by position
    std::vector<OrderedFact> ordered;  ///< by order, then by position
    Words words;
    std::int64_t events = 0;
    std::int64_t end = 0;
    std::map<std::string, std::int64_t, std::less<>> relayed;
    /// How often each type names a customer or a book.
    std::unordered_map<std::int64_t, std::int64_t> registered;
    std::unordered_map<std::int64_t, std::int64_t> deleted;
    std::unordered_map<std::int64_t, std::int64_t> books_registered;
    std::unordered_map<std::int64_t, std::int64_t> books_deleted;
};

/// Reads it, and says what is wrong with its positions, sources and keys.
Log read_log(const SqliteFile& topic, Findings& findings);

/// Events that have not had their effect yet: on their way to the topic, behind a cursor, held.
struct Pending {
    std::array<std::int64_t, contexts> cursor{};
    /// Of each order the first event that is held: the later ones are held behind it.
    std::array<std::unordered_map<std::int64_t, std::int64_t>, contexts> held;
    std::unordered_set<std::int64_t> on_their_way;  ///< orders
    /// Orders of which an operator had an event skipped: what it would have done is not there.
    std::unordered_set<std::int64_t> skipped;
    std::unordered_set<std::int64_t> ordered_on_their_way;
    std::unordered_set<std::string> others_on_their_way;  ///< "book-1", "customer-2"
    std::int64_t unrelayed = 0;
    std::int64_t held_events = 0;
    std::int64_t parked_events = 0;

    /// That context, which follows it, has handled the event.
    bool handled(Context context, const Fact& fact) const;
    /// Whether any context that follows it has still to.
    bool awaited(const Fact& fact) const;
};

/// Reads a context's outbox, cursors and held events, and holds them against the log.
void read_bus(
    const SqliteFile& file,
    Context context,
    const Log& log,
    bool at_rest,
    Pending& pending,
    Findings& findings
);

}  // namespace bookstore::check
