#include "modules/order/verification.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>

#include "modules/order/events.hpp"
#include "modules/order/store.hpp"

namespace bookstore::order {
namespace {

constexpr std::int64_t first_retry_ms = 1'000;
constexpr std::int64_t most_retry_ms = 60'000;
constexpr std::int64_t refused_retry_ms = 3'600'000;
constexpr std::int64_t most_refused_retry_ms = refused_retry_ms + refused_retry_ms / 10;

/// Two answers that come in any order, from any thread.
struct Answers {
    std::mutex mutex;
    Verdict verdict;
    int missing = 2;
    std::function<void(Verdict)> done;

    void take(Found Verdict::* which, Found found) {
        {
            const std::scoped_lock lock(mutex);
            verdict.*which = found;
            if (--missing > 0) {
                return;
            }
        }
        done(verdict);
    }
};

/// An hour or a little more: not all of them at that moment.
std::int64_t refused_wait_ms(Random& random) {
    return refused_retry_ms + random.below(most_refused_retry_ms - refused_retry_ms);
}

/// It stays as it is, and is asked for rarely from now on.
void refuse(
    bus::UnitOfWork& work, const store::ToVerify& intent, const Verdict& verdict, Random& random
) {
    const bool no_customer = verdict.customer == Found::no;
    if (!intent.refused) {
        spdlog::warn(
            "order {} stays unverified: there is no {} {}; asked again once an hour, and at a "
            "start",
            intent.id,
            no_customer ? "customer" : "book",
            no_customer ? intent.customer_id : intent.book_id
        );
    }
    store::refuse(work.db(), intent.id, work.now_ms() + refused_wait_ms(random));
    work.set_outcome(no_customer ? "there is no such customer" : "there is no such book");
}

void settle(bus::UnitOfWork& work, const store::ToVerify& intent, Verdict verdict, Random& random) {
    const auto status = store::status_of(work.db(), intent.id);
    if (!status || !unverified(*status)) {
        work.set_outcome("not unverified any more");
        return;  // verified by a request, or canceled, while the others were asked
    }
    if (verdict.negative()) {
        refuse(work, intent, verdict, random);
    } else if (verdict.status() == OrderStatus::ordered) {
        make_ordered(work, intent.id);
        work.set_outcome("ORDERED");
    } else {
        work.set_outcome("no answer");
        const auto wait =
            intent.refused ? refused_wait_ms(random)
                           : backoff_ms(intent.attempts + 1, first_retry_ms, most_retry_ms, random);
        store::try_again(work.db(), intent.id, work.now_ms() + wait);
    }
}

void add_verification_task(kernel::Module& module, const Ports& ports, bool refused) {
    using Tasks = bus::Tasks<store::ToVerify>;
    Tasks::Spec spec;
    spec.name = verification_task(refused);
    spec.due = [refused](storage::Connection& db, bus::DueSpan span, std::size_t limit) {
        return store::to_verify(db, refused, span, limit);
    };
    spec.next_try = [refused](storage::Connection& db, std::int64_t now_ms) {
        return store::next_try(db, refused, now_ms);
    };
    spec.longest_wait_ms = refused ? most_refused_retry_ms : most_retry_ms;
    spec.call = [&module, ports](const store::ToVerify& intent, Tasks::Done done) {
        ask_both(
            ports,
            intent.customer_id,
            intent.book_id,
            [&module, intent, done = std::move(done)](Verdict verdict) {
                done([&module, intent, verdict](bus::UnitOfWork& work) {
                    settle(work, intent, verdict, module.random());
                });
            }
        );
    };
    module.task<store::ToVerify>(std::move(spec));
}

}  // namespace

void ask_both(
    const Ports& ports,
    std::int64_t customer_id,
    std::int64_t book_id,
    std::function<void(Verdict)> done
) {
    auto answers = std::make_shared<Answers>();
    answers->done = std::move(done);
    ports.has_customer(customer_id, [answers](Found found) {
        answers->take(&Verdict::customer, found);
    });
    ports.has_book(book_id, [answers](Found found) { answers->take(&Verdict::book, found); });
}

void publish_ordered(bus::UnitOfWork& work, const Order& order) {
    work.publish(Ordered{
        .order_id = order.id,
        .book_id = order.book_id,
        .customer_id = order.customer_id,
        .quantity = order.quantity,
        .delivery_address = order.delivery_address,
        .order_status = std::string(word(order.order_status)),
        .pay_amount = order.pay_amount,
        .pay_type = order.pay_type
    });
}

bool make_ordered(bus::UnitOfWork& work, std::int64_t id) {
    auto order = store::find(work.db(), id);
    const auto status = order ? after_verified(order->order_status) : std::nullopt;
    if (!status) {
        return false;
    }
    order->order_status = *status;
    store::end_verification(work.db(), id, *status, true);
    publish_ordered(work, *order);
    return true;
}

void add_verification_tasks(kernel::Module& module, const Ports& ports) {
    // However many were refused, they keep no other waiting.
    add_verification_task(module, ports, false);
    add_verification_task(module, ports, true);
}

}  // namespace bookstore::order
