#include "host/adoption.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <thread>
#include <utility>

#include "bus/cursor.hpp"
#include "bus/mirror.hpp"
#include "bus/mirror_table.hpp"
#include "bus/row_id.hpp"
#include "storage/error.hpp"

namespace bookstore::host {
namespace {

constexpr auto poll = std::chrono::milliseconds(1);
constexpr std::size_t rows_at_once = 1024;

/// What makes an event the same reaction, whatever else it says: its ids may be others.
using Said = std::pair<std::string, std::string>;
Said said_by(const bus::Envelope& event) {
    return {event.key, event.type};
}

}  // namespace

/// What the log has of the context, beside its file.
struct Adoption::Own {
    std::int64_t newest = 0;    ///< of its events, in the log
    std::int64_t known_to = 0;  ///< up to there its file has them, or had
};

Adoption::Adoption(
    const std::string& directory,
    std::string_view context,
    const Contexts& contexts,
    const Clock& clock,
    PartitionOptions partition
)
    : clock_(clock),
      offline_(directory, contexts, clock, std::move(partition)),
      module_(offline_.get().module(context)) {}

Adopted Adoption::run(std::chrono::milliseconds patience) {
    read_to_the_end(patience);
    const Own own = own_events();
    Adopted adopted;
    for (bus::Envelope& event : lacking(own)) {
        handle_to(event.position);
        adopted.handled_to = event.position;
        std::string why_not = take_back(event);
        adopted.lacked.push_back({std::move(event), std::move(why_not)});
    }
    replace_outbox(own, adopted);
    adopted.held = held();
    module_.database().writer().flush();
    return adopted;
}

void Adoption::read_to_the_end(std::chrono::milliseconds patience) {
    System& system = offline_.get();
    const bus::Mirror* const mirror = system.mirror();
    if (mirror == nullptr) {
        throw storage::Refused(
            "topic.db is a log of its own, and no mirror of a Kafka topic: there a file and the "
            "log "
            "are restored from one backup"
        );
    }
    auto quiet_since = std::chrono::steady_clock::now();
    while (!mirror->ready() && !mirror->refuses()) {
        if (system.relay().step()) {
            quiet_since = std::chrono::steady_clock::now();
        } else if (std::chrono::steady_clock::now() - quiet_since > patience) {
            throw storage::Refused("no Kafka broker answers");
        } else {
            std::this_thread::sleep_for(poll);
        }
    }
    if (mirror->refuses()) {
        throw storage::Refused(mirror->refusal());
    }
}

Adoption::Own Adoption::own_events() {
    const bus::Mirror& mirror = *offline_.get().mirror();
    bus::Outbox& outbox = module_.outbox();
    const std::string& name = module_.name();
    Own own{.newest = mirror.mark(name).position};
    const auto first = outbox.read(0, 1);
    const std::int64_t removed =
        first.empty() ? outbox.newest() : first.front().source_position - 1;
    if (removed > own.newest) {
        throw storage::Refused(fmt::format(
            "the topic has {0} events of {1}, and {1}.db knows of {2} that it had: the topic lost "
            "its end, and not the file (bookstore topic republish)",
            own.newest,
            name,
            removed
        ));
    }
    own.known_to = same_to(removed);
    if (own.known_to == own.newest) {
        throw storage::Refused(
            fmt::format("{0}.db has all that the topic has of {0}: there is nothing to adopt", name)
        );
    }
    return own;
}

/// Up to where its rows are what the log has there; what it removed the log had.
std::int64_t Adoption::same_to(std::int64_t removed) {
    const storage::Reader log = offline_.get().topic().reader();
    std::int64_t same = removed;
    for (const bus::Mark& mark : bus::MirrorTable::ids_from(*log, module_.name(), removed + 1)) {
        const auto row = module_.outbox().read(same, 1);
        if (row.empty() || row.front().source_position != mark.position ||
            bus::row_id(row.front()) != mark.id) {
            break;
        }
        same = mark.position;
    }
    return same;
}

/// In the log's order. They stand behind all that the file has handled: they were published after
/// the backup.
std::vector<bus::Envelope> Adoption::lacking(const Own& own) {
    std::int64_t position = std::numeric_limits<std::int64_t>::max();
    const auto cursors = bus::stored_cursors(*module_.read());
    for (const bus::StoredCursor& cursor : cursors) {
        position = std::min(position, cursor.position);
    }
    position = cursors.empty() ? 0 : position;
    std::vector<bus::Envelope> lacking;
    const auto missing = static_cast<std::size_t>(own.newest - own.known_to);
    while (lacking.size() < missing) {
        const auto batch = offline_.get().topic().read(position, {}, rows_at_once);
        if (batch.events.empty()) {
            throw storage::Refused(fmt::format(
                "{}.db and topic.db are of different shops: what the one lacks stands before what "
                "it has handled",
                module_.name()
            ));
        }
        for (const auto& event : batch.events) {
            if (event->source == module_.name() && event->source_position > own.known_to) {
                lacking.push_back(*event);
            }
        }
        position = batch.scanned;
    }
    return lacking;
}

/// Its policies handle what comes up to there; what they cannot is held. Read models go on by
/// themselves, later: nobody waits for them.
void Adoption::handle_to(std::int64_t position) {
    storage::Writer& writer = module_.database().writer();
    const std::size_t count = module_.module().declarations().policies.size();
    for (std::size_t i = 0; i < count; ++i) {
        bus::Subscription& subscription = *module_.subscriptions()[i];
        subscription.start({.until = position});
        while (subscription.position() < position && subscription.lag() > 0) {
            const bool did = subscription.step();
            if (!writer.step() && !did) {
                std::this_thread::sleep_for(poll);
            }
            if (!subscription.healthy()) {
                throw storage::Refused(
                    fmt::format("{}.db cannot be read or written: the log says why", module_.name())
                );
            }
        }
        subscription.save_cursor();
        while (writer.step()) {
        }
    }
}

/// Why it was not; empty when it was.
std::string Adoption::take_back(const bus::Envelope& event) {
    const bus::Policies::Policy* const policy =
        module_.module().declarations().taken_back.find(event.type);
    if (policy == nullptr) {
        return fmt::format("{} does not say how {} is taken back", module_.name(), event.type);
    }
    try {
        commit([&](storage::Connection& db) {
            bus::UnitOfWork work(db, module_.outbox(), clock_, event.trace);
            work.begin_handling(event, policy->effect);
            policy->handle(event, work);
        });
        return {};
    } catch (const storage::Error& error) {
        if (!error.constraint()) {
            throw;
        }
        return error.what();
    } catch (const std::exception& error) {
        return error.what();
    }
}

void Adoption::replace_outbox(const Own& own, Adopted& adopted) {
    std::map<Said, std::size_t> said;
    for (const Adopted::Event& lacked : adopted.lacked) {
        ++said[said_by(lacked.event)];
    }
    // What the file published before, and what its policies published now.
    std::vector<bus::Envelope> rows;
    bus::Outbox& outbox = module_.outbox();
    for (std::int64_t from = own.known_to;;) {
        auto some = outbox.read(from, rows_at_once);
        if (some.empty()) {
            break;
        }
        from = some.back().source_position;
        std::ranges::move(some, std::back_inserter(rows));
    }
    for (bus::Envelope& row : rows) {
        const auto known = said.find(said_by(row));
        if (known != said.end() && known->second > 0) {
            --known->second;
            ++adopted.known;
        } else {
            adopted.unsent.push_back(std::move(row));
        }
    }
    commit([&](storage::Connection& db) { bus::Outbox::replace(db, own.newest, adopted.unsent); });
}

std::int64_t Adoption::held() const {
    std::int64_t held = 0;
    const storage::Reader reader = module_.read();
    for (const auto& subscription : module_.subscriptions()) {
        held += subscription->held().counts(*reader).held;
    }
    return held;
}

void Adoption::commit(std::function<void(storage::Connection&)> write) {
    module_.database().writer().commit_now({
        .durable = true,
        .run =
            [write = std::move(write)](storage::Connection& db) {
                write(db);
                return true;
            },
        .done = {},
    });
}

}  // namespace bookstore::host
