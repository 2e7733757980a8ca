#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "kernel/context.hpp"
#include "modules/payment/payment.hpp"

namespace bookstore::payment {

/// The card network's company. Each call is answered once at most, from any thread; VanAnswer::none
/// when it cannot be reached. The same key gets the same answer for ever.
struct VanPort {
    using Answered = std::function<void(VanReply)>;
    std::function<void(const std::string& key, Money amount, Answered)> charge;
    std::function<void(const std::string& key, Answered)> cancel;
};

struct Options {
    std::int64_t van_timeout_ms = 15'000;  ///< then a call counts as not answered
    /// Charges, and refunds, under way at a time. What is answered together is written together; a
    /// VAN that hangs holds so many.
    std::size_t van_calls = 256;
};

/// Payments: requested when ordered, refunded when canceled; driven by events alone. `van` makes
/// the port when it is installed.
kernel::Context context(
    std::function<VanPort(kernel::Wiring&, const Clock&)> van, const Options& options
);

}  // namespace bookstore::payment
