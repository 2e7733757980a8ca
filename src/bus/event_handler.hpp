#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "base/trace.hpp"
#include "bus/cached_rows.hpp"
#include "bus/policies.hpp"
#include "bus/subscription_context.hpp"

namespace bookstore::bus {

/// While it lives, what this thread logs is said to be about that event, which outlives it.
class EventLogScope {
  public:
    explicit EventLogScope(const Envelope& event)
        : context_{.trace = event.trace, .key = event.key, .event = event.type}, scope_(context_) {}

  private:
    LogContext context_;
    LogScope scope_;
};

/// Handles one event as the policies of a subscription say. Module's thread, inside a transaction,
/// but for durations().
class EventHandler {
  public:
    EventHandler(Policies policies, const SubscriptionContext& context);

    const Policies& policies() const { return policies_; }
    const std::string& name() const { return policies_.subscription(); }
    /// The rows that the handlers keep in memory.
    CachedRows& rows() { return rows_; }
    /// A transaction begins: its unit of work, of no request.
    UnitOfWork begin(storage::Connection& db);

    /// Throws what the handler throws.
    void handle(UnitOfWork& work, const Envelope& event);
    /// In a savepoint of its own, its rows flushed. When it fails, its effects are rolled back, and
    /// the reason is returned; the storage's errors are thrown.
    std::optional<std::string> try_to_handle(UnitOfWork& work, const Envelope& event);

    /// How long the handler of each type took, a failure's time too. Any thread.
    std::map<std::string, HistogramCounts> durations() const;

  private:
    Policies policies_;
    const SubscriptionContext& context_;
    CachedRows rows_;
    std::vector<HandlerDurations> durations_;  ///< of each policy, in their order
};

}  // namespace bookstore::bus
