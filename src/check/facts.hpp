#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "check/context_file.hpp"
#include "check/findings.hpp"
#include "check/sqlite_file.hpp"

// What the bus has of each order, small enough that a million of them fit into memory.

namespace bookstore::check {

/// The types that are known here by name; those of other contexts are numbered behind them, see
/// Log.
enum class Type : std::uint16_t {
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
constexpr std::size_t most_types = 512;
std::string_view name_of(Type type);

/// Words, each a small number.
class Words {
  public:
    std::uint8_t number_of(std::string_view word);
    /// 0 when it has none.
    std::uint8_t find(std::string_view word) const;
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

/// How often an event of a type was about that id.
using Times = std::unordered_map<std::int64_t, std::int64_t>;

/// The topic.
struct Log {
    std::vector<Fact> facts;           ///< by order, then by position
    std::vector<OrderedFact> ordered;  ///< by order, then by position
    Words words;
    std::int64_t events = 0;
    std::int64_t begin = 1;  ///< position of the first event: those before it were removed
    std::int64_t end = 0;
    std::map<std::string, std::int64_t, std::less<>> relayed;
    Words other_types;            ///< those that Type does not name
    std::map<Type, Times> times;  ///< of what is about no order: "customer-2" counts for 2

    /// Type::unknown when no event has it.
    Type type_of(std::string_view name) const;
    const Times& times_of(std::string_view type) const;
};

/// Reads it, and says what is wrong with its positions, sources and keys.
Log read_log(const SqliteFile& topic, const std::vector<ContextFile>& contexts, Findings& findings);

}  // namespace bookstore::check
