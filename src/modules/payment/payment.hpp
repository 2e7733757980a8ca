#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/money.hpp"
#include "base/words.hpp"

namespace bookstore::payment {

enum class PaymentStatus { requested, completed, failed, canceled };
inline constexpr std::array<std::string_view, 4> payment_words{
    "PAYMENT_REQUESTED", "PAYMENT_COMPLETED", "PAYMENT_FAILED", "PAYMENT_CANCELED"
};
constexpr const auto& words_of(PaymentStatus) {
    return payment_words;
}

struct Payment {
    std::int64_t id = 0;
    std::optional<Money> amount;
    std::int64_t order_id = 0;
    PaymentStatus status = PaymentStatus::requested;
    std::optional<std::string> type;
    std::int64_t customer_id = 0;  ///< whose it is, which is not shown; 0: nobody knows
};
BOOST_DESCRIBE_STRUCT(Payment, (), (amount, order_id, status, type))

/// What VAN is to be asked for.
enum class Call { charge, refund };
inline constexpr std::array<std::string_view, 2> call_words{"charge", "refund"};
constexpr const auto& words_of(Call) {
    return call_words;
}

/// The task that makes such calls, as logs, metrics and timelines name it.
constexpr std::string_view task_of(Call call) {
    return call == Call::charge ? "ask-van" : "refund-at-van";
}

/// What VAN said. No answer is no answer: unreachable, stopped, timed out, breaker open.
enum class VanAnswer { completed, failed, canceled, none };

/// A call to VAN came to that.
struct VanReply {
    VanAnswer answer = VanAnswer::none;
    /// With none: when it may be asked again, where that is known. 0: nobody knows.
    std::chrono::milliseconds retry_after{0};
    /// Of VAN's file, which has that answer; 0 when that is not known. See bus/moment.hpp.
    std::int64_t moment = 0;
};

/// No call's next try is further away than that, whatever VAN asks for.
inline constexpr std::int64_t longest_wait_ms = 600'000;

/// Where a payment stands between its events and VAN: everything its transitions depend on.
struct Standing {
    PaymentStatus status = PaymentStatus::requested;
    bool cancel_wanted = false;  ///< OrderCanceled came while VAN was asked
    std::optional<Call> call;    ///< what is to be asked
    bool has_amount = true;      ///< without one VAN is not asked

    friend bool operator==(const Standing&, const Standing&) = default;
};

/// Whenever Ordered: charged, or complete at once when there is nothing to charge.
constexpr Standing after_ordered(bool has_amount) {
    return {
        .status = has_amount ? PaymentStatus::requested : PaymentStatus::completed,
        .cancel_wanted = false,
        .call = has_amount ? std::optional(Call::charge) : std::nullopt,
        .has_amount = has_amount
    };
}

/// Whenever OrderCanceled. A charge under way runs to its answer; what was charged goes back.
constexpr Standing after_order_canceled(Standing standing) {
    if (standing.status == PaymentStatus::requested) {
        standing.cancel_wanted = true;
    } else if (standing.status == PaymentStatus::completed && standing.has_amount) {
        standing.call = Call::refund;
    } else if (standing.status == PaymentStatus::completed) {
        standing.status = PaymentStatus::canceled;
    }
    return standing;
}

/// VAN answered `call`. An answer to what is not asked any more changes nothing.
constexpr Standing after_answer(Standing standing, Call call, VanAnswer answer) {
    if (standing.call != call || answer == VanAnswer::none) {
        return standing;
    }
    if (call == Call::refund) {
        standing.status = PaymentStatus::canceled;
        standing.call.reset();
        return standing;
    }
    const bool completed = answer == VanAnswer::completed;
    standing.status = completed ? PaymentStatus::completed : PaymentStatus::failed;
    standing.call =
        completed && standing.cancel_wanted ? std::optional(Call::refund) : std::nullopt;
    return standing;
}

}  // namespace bookstore::payment
