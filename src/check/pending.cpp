#include "check/pending.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "base/key.hpp"

namespace bookstore::check {
namespace {

std::optional<std::int64_t> order_of(std::string_view key) {
    return id_in_key(key, "order");
}

void read_outbox(
    const SqliteFile& file,
    const Log& log,
    std::int64_t relayed,
    Pending& pending,
    std::int64_t& unrelayed
) {
    auto rows = file.rows(
        fmt::format("SELECT key, type FROM outbox WHERE position > {} ORDER BY position", relayed)
    );
    while (rows.next()) {
        ++unrelayed;
        const auto order = order_of(rows.text(0));
        if (!order) {
            pending.others_on_their_way.insert(rows.string(0));
            continue;
        }
        pending.on_their_way.insert(*order);
        if (log.type_of(rows.text(1)) == Type::ordered) {
            pending.ordered_on_their_way.insert(*order);
        }
    }
}

/// What the context published, held against what of it was relayed.
void check_outbox(
    const SqliteFile& file,
    const std::string& name,
    const Log& log,
    bool at_rest,
    Pending& pending,
    Findings& findings
) {
    const auto found = log.relayed.find(name);
    const std::int64_t relayed = found == log.relayed.end() ? 0 : found->second;
    const std::int64_t published =
        file.number("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'");
    std::int64_t unrelayed = 0;
    read_outbox(file, log, relayed, pending, unrelayed);
    pending.unrelayed += unrelayed;
    if (published < relayed) {
        findings.add(
            "{} published up to {}, but {} were relayed: the files are from different moments",
            name,
            published,
            relayed
        );
    } else if (published - relayed != unrelayed) {
        findings.add(
            "{} published up to {}, {} were relayed, and {} wait: some are lost",
            name,
            published,
            relayed,
            unrelayed
        );
    } else if (at_rest && unrelayed != 0) {
        findings.add("{} published {} that were not relayed", name, unrelayed);
    }
}

/// Its subscriptions, each with the types that it follows.
std::vector<Follower> followers_of(const ContextFile& context, const Log& log) {
    std::vector<Follower> followers;
    for (const Subscription& subscription : context.subscriptions) {
        Follower follower{.context = context.name, .subscription = subscription.name, .types = {}};
        for (const std::string& type : subscription.types) {
            follower.types.set(static_cast<std::size_t>(log.type_of(type)));
        }
        followers.push_back(std::move(follower));
    }
    return followers;
}

/// Null when the context declares no such subscription: that of a rebuild.
Follower* named(std::vector<Follower>& followers, std::string_view subscription) {
    const auto found = std::ranges::find(followers, subscription, &Follower::subscription);
    return found == followers.end() ? nullptr : &*found;
}

void read_held(
    const SqliteFile& file,
    std::vector<Follower>& followers,
    bool at_rest,
    Pending& pending,
    Findings& findings
) {
    auto held = file.rows("SELECT subscription, key, type, parked, position FROM held");
    while (held.next()) {
        if (held.text(0).ends_with(".base")) {
            continue;  // kept for a rebuild, with what was held at the cut; nobody tries it
        }
        if (at_rest) {
            findings.add("{} holds {} of {}", held.text(0), held.text(2), held.text(1));
        }
        ++pending.held_events;
        pending.parked_events += held.integer(3);
        const auto order = order_of(held.text(1));
        Follower* const follower = named(followers, held.text(0));
        if (order && follower != nullptr) {
            const auto first = follower->held.try_emplace(*order, held.integer(4)).first;
            first->second = std::min(first->second, held.integer(4));
        }
    }
}

void read_skipped(const SqliteFile& file, std::vector<Follower>& followers, Pending& pending) {
    if (file.number("SELECT count(*) FROM sqlite_schema WHERE name = 'skipped'") == 0) {
        return;
    }
    auto skipped = file.rows("SELECT subscription, key, position FROM skipped");
    while (skipped.next()) {
        if (const auto order = order_of(skipped.text(1))) {
            pending.skipped.insert(*order);
        }
        if (Follower* const follower = named(followers, skipped.text(0))) {
            follower->skipped.insert(skipped.integer(2));
        }
    }
}

void read_cursors(
    const SqliteFile& file,
    std::vector<Follower>& followers,
    const Log& log,
    bool at_rest,
    Findings& findings
) {
    auto cursors = file.rows("SELECT name, position FROM subscription");
    while (cursors.next()) {
        if (cursors.integer(1) > log.end) {
            findings.add(
                "{} stands at {}, beyond the topic's end {}: the files are from different moments",
                cursors.text(0),
                cursors.integer(1),
                log.end
            );
        }
        if (Follower* const follower = named(followers, cursors.text(0))) {
            follower->cursor = cursors.integer(1);
        } else if (at_rest && cursors.text(0).ends_with(".rebuild")) {
            findings.add("{} was left behind", cursors.text(0));
        }
    }
}

}  // namespace

bool Follower::handled(const Fact& fact) const {
    if (fact.position > cursor) {
        return false;
    }
    const auto first_held = held.find(fact.order);
    return first_held == held.end() || fact.position < first_held->second;
}

const Follower* Pending::find(std::string_view context, std::string_view subscription) const {
    const auto found = std::ranges::find_if(followers, [&](const Follower& follower) {
        return follower.context == context && follower.subscription == subscription;
    });
    return found == followers.end() ? nullptr : &*found;
}

const Follower& Pending::follower(std::string_view context, std::string_view subscription) const {
    const Follower* const found = find(context, subscription);
    if (found == nullptr) {
        throw std::logic_error(fmt::format("no {} of {} is checked", subscription, context));
    }
    return *found;
}

bool Pending::awaited(const Fact& fact) const {
    return std::ranges::any_of(followers, [&](const Follower& follower) {
        return follower.types.test(static_cast<std::size_t>(fact.type)) && !follower.handled(fact);
    });
}

bool ContextView::handled(std::string_view subscription, const Fact& fact) const {
    return at_rest || pending.follower(context, subscription).handled(fact);
}

void read_bus(
    const SqliteFile& file,
    const ContextFile& context,
    const Log& log,
    bool at_rest,
    Pending& pending,
    Findings& findings
) {
    check_outbox(file, context.name, log, at_rest, pending, findings);
    std::vector<Follower> followers = followers_of(context, log);
    read_held(file, followers, at_rest, pending, findings);
    read_skipped(file, followers, pending);
    read_cursors(file, followers, log, at_rest, findings);
    std::ranges::move(followers, std::back_inserter(pending.followers));
}

}  // namespace bookstore::check
