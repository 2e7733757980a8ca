#include "check/order_check.hpp"

namespace bookstore::check {

PaymentCheck::PaymentCheck(const SqliteFile* van) {
    if (van != nullptr) {
        ledger_.emplace(van->rows("SELECT amount, answer, canceled FROM ledger WHERE key = ?1"));
    }
}

void PaymentCheck::check(const OrderCheck& check, const Story& story) {
    const PaymentRow& payment = story.payments[0];
    const std::int64_t id = story.id;
    const bool requested = payment.status == "PAYMENT_REQUESTED";
    if (check.at_rest && (payment.under_way() || requested)) {
        check.violate("order {}: VAN is still to be asked, {}", id, payment.status);
        return;
    }
    if (payment.call.has_value() != payment.due || requested != (payment.call == "charge")) {
        check.violate(
            "order {}: its payment is {}, and VAN is to be asked for {}: nobody brings it to "
            "its end",
            id,
            payment.status,
            payment.call.value_or("nothing")
        );
    }
    if (payment.call == "refund" && story.position(Type::order_canceled) == no_position) {
        check.violate("order {} is refunded, but was not canceled", id);
    }
    if (ledger_) {
        check_ledger(check, payment, id);
    }
}

void PaymentCheck::check_ledger(
    const OrderCheck& check, const PaymentRow& payment, std::int64_t id
) {
    ledger_->restart(payment.key);
    const bool known = ledger_->next();
    if (!payment.amount) {
        if (known) {
            check.violate("order {} has no amount, but VAN knows it", id);
        }
        return;
    }
    const bool requested = payment.status == "PAYMENT_REQUESTED";
    if (!known) {
        if (!requested) {
            check.violate("order {} is {}, but VAN does not know it", id, payment.status);
        }
        return;
    }
    const auto amount = ledger_->optional_integer(0);
    const std::string_view answer = ledger_->text(1);
    const bool canceled = ledger_->flag(2);
    const bool failed = payment.status == "PAYMENT_FAILED";
    const bool back = payment.status == "PAYMENT_CANCELED";
    const bool right_answer =
        requested || answer == (failed ? "PAYMENT_FAILED" : "PAYMENT_COMPLETED");
    const bool being_refunded = payment.call == "refund";  // VAN may have done it already
    if (!right_answer || (canceled != back && !being_refunded)) {
        check.violate(
            "order {} is {}, but VAN says {}{}",
            id,
            payment.status,
            answer,
            canceled ? ", canceled" : ""
        );
    }
    if (amount != payment.amount && (!(failed || requested) || amount)) {
        check.violate("order {}: VAN charged {} cents, not {}", id, shown(amount), *payment.amount);
    }
}

}  // namespace bookstore::check
