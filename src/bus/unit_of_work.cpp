#include "bus/unit_of_work.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace bookstore::bus {

void UnitOfWork::begin_handling(const Envelope& cause, Effect effect) {
    cause_ = &cause;
    effect_ = effect;
    trace_ = cause.trace;
}

void UnitOfWork::end_handling() {
    cause_ = nullptr;
    effect_ = Effect::durable;
    trace_ = {};
}

void UnitOfWork::publish(
    std::string_view key, std::string_view type, std::int64_t time_ms, std::string_view payload
) {
    if (effect_ == Effect::replayable) {
        throw std::logic_error(fmt::format(
            "a handler of {} publishes {}, though it was declared to leave replayable effects "
            "alone",
            cause_->type,
            type
        ));
    }
    outbox_.append(db_, key, type, time_ms, trace_, payload);
}

}  // namespace bookstore::bus
