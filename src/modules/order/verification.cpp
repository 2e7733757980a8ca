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

void settle(bus::UnitOfWork& work, const store::ToVerify& intent, Verdict verdict, Random& random) {
    const auto status = store::status_of(work.db(), intent.id);
    if (!status || !unverified(*status)) {
        work.set_outcome("not unverified any more");
        return;  // verified by a request, or canceled, while the others were asked
    }
    if (verdict.negative()) {
        spdlog::warn(
            "order {} stays unverified: there is no {} {}",
            intent.id,
            verdict.customer == Found::no ? "customer" : "book",
            verdict.customer == Found::no ? intent.customer_id : intent.book_id
        );
        store::give_up(work.db(), intent.id);
        work.set_outcome(
            verdict.customer == Found::no ? "there is no such customer" : "there is no such book"
        );
    } else if (verdict.status() == OrderStatus::ordered) {
        make_ordered(work, intent.id);
        work.set_outcome("ORDERED");
    } else {
        work.set_outcome("no answer");
        const auto wait = backoff_ms(intent.attempts + 1, first_retry_ms, most_retry_ms, random);
        store::try_again(work.db(), intent.id, work.now_ms() + wait);
    }
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

void add_verification_task(kernel::Module& module, const Ports& ports) {
    using Tasks = bus::Tasks<store::ToVerify>;
    Tasks::Spec spec;
    spec.name = "verify-order";
    spec.due = store::to_verify;
    spec.next_try = store::next_try;
    spec.longest_wait_ms = most_retry_ms;
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

}  // namespace bookstore::order
