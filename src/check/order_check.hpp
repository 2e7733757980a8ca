#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "check/findings.hpp"
#include "check/pending.hpp"
#include "check/story.hpp"

// What is asked of an order, in parts: what holds between any two commits, what holds of an order
// to which nothing is still to happen, its money, and the books.

namespace bookstore::check {

/// What each part sees beside the order's story.
struct OrderCheck {
    const Log& log;
    const Pending& pending;
    bool at_rest;   ///< nothing may be on its way
    bool complete;  ///< every context that knows of orders is there
    Findings& findings;

    template <class... Args>
    void violate(fmt::format_string<Args...> pattern, Args&&... args) const {
        findings.add(pattern, std::forward<Args>(args)...);
    }
    /// Says so when they differ.
    template <class A, class B>
    void same(const A& is, const B& should_be, std::string_view what, std::int64_t order) const {
        if (is != should_be) {
            violate("order {}: {} is {}, not {}", order, what, is, should_be);
        }
    }
};

/// Of what may be missing.
std::string shown(const std::optional<std::string>& value);
std::string shown(const std::optional<std::int64_t>& value);

/// The payment of an order, and VAN's ledger, which agrees (invariant 2).
class PaymentCheck {
  public:
    /// `van`: its file, or null when it is not known. The file outlives this.
    explicit PaymentCheck(const SqliteFile* van);

    void check(const OrderCheck& check, const Story& story);

  private:
    void check_ledger(const OrderCheck& check, const PaymentRow& payment, std::int64_t id);

    std::optional<SqliteFile::Rows> ledger_;
};

/// What holds of an order that was ordered, at every moment.
class MomentCheck {
  public:
    MomentCheck(const Pending& pending, const SqliteFile* van);

    void check(const OrderCheck& check, const Story& story);

  private:
    void check_effects(const OrderCheck& check, const Story& story, const Fact* ordered) const;

    // Null: of a context elsewhere.
    const Follower* inventory_;
    const Follower* delivery_;
    const Follower* payment_;
    const Follower* my_page_;
    const Follower* payment_history_;
    PaymentCheck payments_;
};

/// What holds of an order that is settled: nothing is still to happen to it by itself.
void check_settled(const OrderCheck& check, const Story& story);

/// The books' stock, of which every order has its part (invariant 3).
class BookCheck {
  public:
    void add(const DeliverableRow& deliverable);
    /// Once all were added.
    void check(const OrderCheck& check, const SqliteFile& inventory) const;

  private:
    /// What the waiting and the prepared of a book need.
    struct Demand {
        std::int64_t prepared = 0;
        std::int64_t smallest_waiting = INT64_MAX;
    };

    std::unordered_map<std::int64_t, Demand> demands_;
};

}  // namespace bookstore::check
