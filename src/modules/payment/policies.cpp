#include "modules/payment/policies.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "modules/payment/events.hpp"
#include "modules/payment/store.hpp"

namespace bookstore::payment {
namespace {

using bus::UnitOfWork;
using Tasks = bus::Tasks<store::Intent>;

constexpr std::int64_t first_retry_ms = 100;
constexpr std::int64_t most_retry_ms = 30'000;

void publish_status(
    UnitOfWork& work, std::int64_t order_id, std::int64_t payment_id, PaymentStatus status
) {
    const std::string text(word(status));
    switch (status) {
        case PaymentStatus::completed:
            work.publish(Payed{order_id, payment_id, text});
            return;
        case PaymentStatus::failed:
            work.publish(PaymentFailed{order_id, payment_id, text});
            return;
        case PaymentStatus::canceled:
            work.publish(PaymentCanceled{order_id, payment_id, text});
            return;
        case PaymentStatus::requested:
            return;
    }
}

void move_to(UnitOfWork& work, const store::Record& before, const Standing& after) {
    store::update(work.db(), before.id, after, work.now_ms());
    if (after.status != before.standing.status) {
        publish_status(work, before.order_id, before.id, after.status);
    }
}

/// Stores what VAN's answer makes of the payment, or the next try where there was none.
void settle(UnitOfWork& work, const store::Intent& intent, VanAnswer answer, Random& random) {
    const auto record = store::find_record(work.db(), intent.id);
    if (!record || record->standing.call != intent.call) {
        spdlog::debug("payment {}: VAN's answer is not waited for any more", intent.id);
        work.set_outcome("not waited for any more");
        return;
    }
    if (answer == VanAnswer::none) {
        const auto wait = backoff_ms(intent.attempts + 1, first_retry_ms, most_retry_ms, random);
        store::try_again(work.db(), intent.id, work.now_ms() + wait);
        work.set_outcome(intent.call == Call::charge ? "charge: no answer" : "refund: no answer");
        return;
    }
    const Standing after = after_answer(record->standing, intent.call, answer);
    move_to(work, *record, after);
    work.set_outcome(word(after.status));
}

}  // namespace

void charge_when_ordered(const order::Ordered& ordered, UnitOfWork& work, Random& random) {
    const Standing standing = after_ordered(ordered.pay_amount.has_value());
    const Payment payment{
        .id = 0,
        .amount = ordered.pay_amount,
        .order_id = ordered.order_id,
        .status = standing.status,
        .type = ordered.pay_type
    };
    const std::int64_t id =
        store::insert(work.db(), payment, standing, random.uuid(), work.now_ms(), work.trace());
    publish_status(work, ordered.order_id, id, standing.status);
}

void refund_when_canceled(const order::OrderCanceled& canceled, UnitOfWork& work) {
    const auto record = store::find_record_of_order(work.db(), canceled.order_id);
    if (!record) {
        throw std::logic_error(fmt::format("there is no payment of order {}", canceled.order_id));
    }
    const Standing after = after_order_canceled(record->standing);
    if (after == record->standing) {
        spdlog::debug(
            "payment {} is {}: OrderCanceled changes nothing", record->id, word(after.status)
        );
        return;
    }
    store::set_trace(work.db(), record->id, work.trace());
    if (record->standing.call && record->standing.call == after.call) {
        store::want_cancel(work.db(), record->id);  // the call under way keeps its attempts
        return;
    }
    move_to(work, *record, after);
}

void add_van_task(
    kernel::Module& module, const VanPort& van, std::int64_t timeout_ms, std::size_t max_in_flight
) {
    Tasks::Spec spec;
    spec.name = "ask-van";
    spec.due = store::due;
    spec.next_try = store::next_try;
    spec.longest_wait_ms = most_retry_ms;
    spec.max_in_flight = max_in_flight;
    spec.timeout_ms = timeout_ms;
    const auto settled = [&module](const store::Intent& intent, VanAnswer answer) {
        return [&module, intent, answer](UnitOfWork& work) {
            settle(work, intent, answer, module.random());
        };
    };
    spec.timed_out = [settled](const store::Intent& intent) {
        return settled(intent, VanAnswer::none);
    };
    spec.call = [van, settled](const store::Intent& intent, Tasks::Done done) {
        auto answered = [settled, intent, done = std::move(done)](VanAnswer answer) {
            done(settled(intent, answer));
        };
        if (intent.call == Call::charge) {
            van.charge(intent.key, intent.amount, std::move(answered));
        } else {
            van.cancel(intent.key, std::move(answered));
        }
    };
    module.task<store::Intent>(std::move(spec));
}

}  // namespace bookstore::payment
