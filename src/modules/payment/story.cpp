#include "modules/payment/story.hpp"

#include "modules/payment/payment.hpp"

namespace bookstore::payment {
namespace {

const storage::Sql select_waiting{
    "payment",
    "SELECT call, attempts, next_try FROM payment WHERE order_id = ?1 AND next_try IS NOT NULL"
};

kernel::StoryPart part(storage::Connection& db, const Key& key) {
    auto row = db.prepare(select_waiting);
    row.bind(key.id);
    if (key.kind != "order" || !row.step()) {
        return {};
    }
    kernel::StoryPart part;
    const auto call = parse_word<Call>(row.text(0));
    part.waits.push_back(
        {.name = std::string(task_of(call.value())),
         .detail = row.string(0),
         .attempts = row.integer(1),
         .next_try_ms = row.integer(2)}
    );
    return part;
}

}  // namespace

kernel::Story story() {
    return {.part = part};
}

}  // namespace bookstore::payment
