#include "bus/event_handler.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "storage/fault.hpp"

namespace bookstore::bus {
namespace {

const storage::Sql savepoint_event{"*", "SAVEPOINT event"};
const storage::Sql release_event{"*", "RELEASE event"};
const storage::Sql rollback_event{"*", "ROLLBACK TO event"};

}  // namespace

EventHandler::EventHandler(Policies policies, const SubscriptionContext& context)
    : policies_(std::move(policies)),
      context_(context),
      rows_(policies_.rows()),
      durations_(policies_.all().size()) {}

UnitOfWork EventHandler::begin(storage::Connection& db) {
    rows_.begin(context_.writer().generation());
    return {db, context_.outbox, context_.clock, {}};
}

void EventHandler::handle(UnitOfWork& work, const Envelope& event) {
    if (context_.before_handling) {
        context_.before_handling(name(), event);
    }
    const Policies::Policy* policy = policies_.find(event.type);
    if (policy == nullptr) {  // a binary that did handle it has held it
        throw std::runtime_error(fmt::format("{} does not handle {} any more", name(), event.type));
    }
    const Timed timed(durations_[static_cast<std::size_t>(policy - policies_.all().data())]);
    work.begin_handling(event, policy->effect);
    policy->handle(event, work);
    work.end_handling();
}

std::optional<std::string> EventHandler::try_to_handle(UnitOfWork& work, const Envelope& event) {
    storage::Connection& db = work.db();
    std::optional<std::string> failure;
    db.prepare(savepoint_event).run();
    try {
        handle(work, event);
        rows_.flush(db);
    } catch (...) {
        const std::exception_ptr error = std::current_exception();
        if (storage::fault_of(error, db) == storage::Fault::storage) {
            throw;
        }
        failure = storage::reason_of(error);
        rows_.clear();
        db.prepare(rollback_event).run();
    }
    db.prepare(release_event).run();
    return failure;
}

std::map<std::string, HistogramCounts> EventHandler::durations() const {
    std::map<std::string, HistogramCounts> durations;
    for (std::size_t i = 0; i < durations_.size(); ++i) {
        durations.emplace(policies_.all()[i].type, durations_[i].counts());
    }
    return durations;
}

}  // namespace bookstore::bus
