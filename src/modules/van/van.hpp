#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/breaker.hpp"
#include "base/money.hpp"
#include "kernel/module.hpp"

namespace bookstore::van {

struct Options {
    BreakerOptions breaker;
    std::int64_t hang_ms = 10'000;  ///< how long the network behind VAN takes over amount 0
    /// Charges with a key that the network may hang over at a time; more are unavailable. Fewer
    /// than payment's calls to VAN, so that some are always left for those that are answered.
    std::size_t hanging_charges = 32;
};

/// What VAN says to a charge or its cancel.
enum class Answer {
    completed,
    failed,
    canceled,
    unavailable,   ///< no answer: breaker open, too many hang, or the storage refuses
    other_amount,  ///< the key is known with another amount
};

/// The card network's company, simulated: a network that takes no time over an amount and hangs
/// over 0; a circuit breaker in front of it; and a ledger of the calls that came with a key, so
/// that one key gets one answer, for ever.
///
/// Charges that hang keep no other one waiting: with a key, a bounded number hangs at a time, and
/// the breaker is closed again by VAN's own probe of the network, never by a customer's charge.
///
/// Public members from any thread; what it keeps in memory lives on the module's strand.
class Van {
  public:
    /// `retry_after` says when to ask again, where the answer is unavailable and that is known.
    using Done = std::function<void(Answer, std::chrono::milliseconds retry_after)>;

    Van(kernel::Module& module, Options options);

    /// Without a key: nothing is recorded. Breaker open: failed, at once.
    void charge(Money amount, Done done);
    /// The first answer to the key is in the ledger before it is given. Breaker not closed, or as
    /// many hang as may: unavailable.
    void charge(const std::string& key, Money amount, Done done);
    /// Takes the charge back; from the ledger alone. Always canceled, or unavailable.
    void cancel(const std::string& key, Done done);

    /// Of the calls without a key, and of those with one.
    Breaker& keyless_breaker() { return keyless_; }
    Breaker& keyed_breaker() { return keyed_; }
    /// `hook` is called on the strand when charges with a key are answered again. Before the first.
    void when_back(std::function<void()> hook) { when_back_ = std::move(hook); }

  private:
    struct UnderWay {
        Money amount;
        std::vector<Done> waiting;
    };
    /// Called once: by the network, or by the breaker's timeout.
    using NetworkDone = std::function<void(bool completed)>;

    void probe();
    void call_network(
        Breaker& breaker, const Breaker::Permit& permit, Money amount, NetworkDone done
    );
    void start_charge(const std::string& key, Money amount);
    void record(const std::string& key, Money amount, Answer answer);
    void finish(const std::string& key, Answer answer, std::chrono::milliseconds retry_after = {});

    kernel::Module& module_;
    Options options_;
    Breaker keyless_;
    Breaker keyed_;
    std::function<void()> when_back_;
    std::unordered_map<std::string, UnderWay> under_way_;
    std::deque<std::int64_t> hanging_until_;  ///< of the charges with a key that hang, in order
};

/// Whether the ledger, van.db, has an answer to the charge with that key, and has canceled it since
/// if it is `refunded`.
bool ledger_has(storage::Connection& db, const std::string& key, bool refunded);

}  // namespace bookstore::van
