#include "modules/payment/policies.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "bus/moment.hpp"
#include "bus/row_id.hpp"
#include "kernel/write_repeatedly.hpp"
#include "modules/payment/events.hpp"
#include "modules/payment/store.hpp"

namespace bookstore::payment {
namespace {

using bus::UnitOfWork;
using Tasks = bus::Tasks<store::Intent>;

constexpr std::int64_t first_retry_ms = 100;
constexpr std::int64_t most_retry_ms = 30'000;

/// How long until VAN is asked again. A time that it gave is kept to, whatever was tried before; a
/// little later, so that not all come at that moment.
std::int64_t wait_ms(const VanReply& reply, std::int64_t attempts, Random& random) {
    if (reply.retry_after.count() <= 0) {
        return backoff_ms(attempts, first_retry_ms, most_retry_ms, random);
    }
    constexpr std::int64_t most_told_ms = longest_wait_ms * 10 / 11 - 1;
    const auto told_ms = std::min<std::int64_t>(reply.retry_after.count(), most_told_ms);
    return told_ms + random.below(told_ms / 10 + 1);
}

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
void settle(UnitOfWork& work, const store::Intent& intent, const VanReply& reply, Random& random) {
    const auto record = store::find_record(work.db(), intent.id);
    if (!record || record->standing.call != intent.call) {
        spdlog::debug("payment {}: VAN's answer is not waited for any more", intent.id);
        work.set_outcome("not waited for any more");
        return;
    }
    if (reply.answer == VanAnswer::none) {
        const auto wait = wait_ms(reply, intent.attempts + 1, random);
        store::try_again(work.db(), intent.id, work.now_ms() + wait);
        work.set_outcome(intent.call == Call::charge ? "charge: no answer" : "refund: no answer");
        return;
    }
    if (reply.moment > 0) {
        bus::note_moment(work.db(), "van", reply.moment);
    }
    const Standing after = after_answer(record->standing, intent.call, reply.answer);
    move_to(work, *record, after);
    work.set_outcome(word(after.status));
}

void add_van_task(kernel::Module& module, Call call, const VanPort& van, const Options& options) {
    Tasks::Spec spec;
    spec.name = task_of(call);
    spec.due = [call](storage::Connection& db, bus::DueSpan span, std::size_t limit) {
        return store::due(db, call, span, limit);
    };
    spec.next_try = [call](storage::Connection& db, std::int64_t now_ms) {
        return store::next_try(db, call, now_ms);
    };
    spec.longest_wait_ms = longest_wait_ms;
    spec.max_in_flight = options.van_calls;
    spec.timeout_ms = options.van_timeout_ms;
    const auto settled = [&module](const store::Intent& intent, const VanReply& reply) {
        return [&module, intent, reply](UnitOfWork& work) {
            settle(work, intent, reply, module.random());
        };
    };
    spec.timed_out = [settled](const store::Intent& intent) { return settled(intent, {}); };
    spec.call = [van, settled](const store::Intent& intent, Tasks::Done done) {
        auto answered = [settled, intent, done = std::move(done)](const VanReply& reply) {
            done(settled(intent, reply));
        };
        if (intent.call == Call::charge) {
            van.charge(intent.key, intent.amount, std::move(answered));
        } else {
            van.cancel(intent.key, std::move(answered));
        }
    };
    module.task<store::Intent>(std::move(spec));
}

}  // namespace

void charge_when_ordered(const order::Ordered& ordered, UnitOfWork& work, bool keeps_owners) {
    const Standing standing = after_ordered(ordered.pay_amount.has_value());
    const Payment payment{
        .id = 0,
        .amount = ordered.pay_amount,
        .order_id = ordered.order_id,
        .status = standing.status,
        .type = ordered.pay_type,
        .customer_id = ordered.customer_id
    };
    const std::string key = bus::row_id(*work.cause());
    const std::int64_t id =
        store::insert(work.db(), payment, standing, key, work.now_ms(), work.trace(), keeps_owners);
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

void take_back(std::int64_t order_id, std::string_view pay_status, UnitOfWork& work) {
    const auto record = store::find_record_of_order(work.db(), order_id);
    if (!record) {
        throw std::logic_error(fmt::format("there is no payment of order {}", order_id));
    }
    Standing standing = record->standing;
    standing.status = parse_word<PaymentStatus>(pay_status).value();
    standing.call.reset();
    if (standing.status == PaymentStatus::completed && standing.cancel_wanted &&
        standing.has_amount) {
        standing.call = Call::refund;
    }
    store::update(work.db(), record->id, standing, work.now_ms());
}

void add_van_tasks(kernel::Module& module, const VanPort& van, const Options& options) {
    add_van_task(module, Call::charge, van, options);
    add_van_task(module, Call::refund, van, options);
}

void ask_now(kernel::Module& module) {
    kernel::write_repeatedly(module, [](UnitOfWork& work) {
        return store::try_some_now(work.db(), work.now_ms());
    });
}

}  // namespace bookstore::payment
