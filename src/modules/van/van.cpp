#include "modules/van/van.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/words.hpp"

namespace bookstore::van {
namespace {

using storage::Sql;

constexpr auto file = "van";
constexpr auto completed_text = "PAYMENT_COMPLETED";
constexpr auto failed_text = "PAYMENT_FAILED";
constexpr std::chrono::milliseconds storage_retry{1'000};

const Sql select_entry{file, "SELECT amount, answer FROM ledger WHERE key = ?1"};
const Sql select_canceled{file, "SELECT canceled FROM ledger WHERE key = ?1"};
const Sql insert_entry{
    file, "INSERT INTO ledger(key, amount, answer, time) VALUES (?1, ?2, ?3, ?4)"
};
const Sql update_canceled{
    file, "UPDATE ledger SET canceled = 1 WHERE key = ?1 AND answer = 'PAYMENT_COMPLETED'"
};

struct Entry {
    std::optional<std::int64_t> cents;
    Answer answer = Answer::failed;
};

std::optional<Entry> find(storage::Connection& db, const std::string& key) {
    auto row = db.prepare(select_entry);
    row.bind(key);
    if (!row.step()) {
        return std::nullopt;
    }
    return Entry{
        .cents = row.optional_integer(0),
        .answer = row.text(1) == completed_text ? Answer::completed : Answer::failed
    };
}

void insert(
    bus::UnitOfWork& work, const std::string& key, std::optional<std::int64_t> cents, Answer answer
) {
    const auto* text = answer == Answer::completed ? completed_text : failed_text;
    work.prepare(insert_entry).bind(key, cents, text, work.now_ms()).run();
}

/// What the ledger says to a charge of that amount.
Answer answer_from(const Entry& entry, Money amount) {
    const bool other = entry.cents && *entry.cents != amount.cents();
    return other ? Answer::other_amount : entry.answer;
}

/// The simulated network: it answers at once, or hangs.
bool hangs_over(Money amount) {
    return amount.cents() == 0;
}

void log(std::string_view calls, const Breaker::Transition& transition) {
    spdlog::warn(
        "van: the breaker for {} is {}: {}", calls, word(transition.to), transition.reason
    );
}

}  // namespace

Van::Van(kernel::Module& module, Options options)
    : module_(module),
      options_(options),
      keyless_(
          options.breaker,
          module.clock().steady_ms(),
          [](const Breaker::Transition& transition) { log("calls without a key", transition); }
      ),
      keyed_(
          options.breaker,
          module.clock().steady_ms(),
          [this](const Breaker::Transition& transition) {
              log("calls with a key", transition);
              if (transition.to == Breaker::State::open) {
                  module_.strand().after(options_.breaker.sleep_window_ms, [this] { probe(); });
              }
          }
      ) {}

/// The keyed breaker's trial. Were it a customer's charge, one that hangs would keep everybody
/// waiting for another sleep window, and so would the next. The simulated network answers a probe
/// at once, as it does an amount.
void Van::probe() {
    const std::int64_t now = module_.clock().steady_ms();
    const auto permit = keyed_.ask_trial(now);
    if (permit == Breaker::Permit::none) {
        return;  // not due: it has opened again since, and that has a probe of its own
    }
    keyed_.success(permit, now);
    if (when_back_) {
        when_back_();
    }
}

void Van::call_network(
    Breaker& breaker, const Breaker::Permit& permit, Money amount, NetworkDone done
) {
    if (!hangs_over(amount)) {
        breaker.success(permit, module_.clock().steady_ms());
        done(true);
        return;
    }
    // The network hangs: whichever comes first ends the call, the breaker's timeout or the network.
    auto once = std::make_shared<NetworkDone>(std::move(done));
    const auto end = [&breaker, permit, once, this] {
        if (const NetworkDone first = std::exchange(*once, nullptr)) {
            breaker.failure(permit, module_.clock().steady_ms());
            first(false);
        }
    };
    module_.strand().after(options_.breaker.timeout_ms, end);
    module_.strand().after(options_.hang_ms, end);
}

void Van::charge(Money amount, Done done) {
    module_.strand().post([this, amount, done = std::move(done)] {
        const auto permit = keyless_.ask(module_.clock().steady_ms());
        if (permit == Breaker::Permit::none) {
            done(Answer::failed, {});
            return;
        }
        call_network(keyless_, permit, amount, [done](bool completed) {
            done(completed ? Answer::completed : Answer::failed, {});
        });
    });
}

void Van::charge(const std::string& key, Money amount, Done done) {
    module_.strand().post([this, key, amount, done = std::move(done)]() mutable {
        const auto [call, first] = under_way_.try_emplace(key, UnderWay{amount, {}});
        if (call->second.amount != amount) {
            done(Answer::other_amount, {});
            return;
        }
        call->second.waiting.push_back(std::move(done));
        if (first) {
            start_charge(key, amount);
        }
    });
}

void Van::start_charge(const std::string& key, Money amount) {
    try {
        const storage::Reader reader = module_.database().read();
        if (const auto entry = find(*reader, key)) {
            finish(key, answer_from(*entry, amount));
            return;
        }
    } catch (const storage::Error& error) {
        spdlog::error("van: {}", error.what());
        finish(key, Answer::unavailable, storage_retry);
        return;
    }
    const std::int64_t now = module_.clock().steady_ms();
    const auto permit = keyed_.ask_call(now);
    if (permit == Breaker::Permit::none) {
        finish(key, Answer::unavailable, keyed_.retry_after(now));
        return;
    }
    const bool hangs = hangs_over(amount);
    if (hangs && hanging_until_.size() >= options_.hanging_charges) {
        const std::int64_t wait_ms = hanging_until_.front() - now;
        finish(
            key, Answer::unavailable, std::chrono::milliseconds(std::max<std::int64_t>(wait_ms, 1))
        );
        return;
    }
    if (hangs) {
        // They end in this order: each takes as long as the others.
        hanging_until_.push_back(now + std::min(options_.breaker.timeout_ms, options_.hang_ms));
    }
    call_network(keyed_, permit, amount, [this, key, amount, hangs](bool completed) {
        if (hangs) {
            hanging_until_.pop_front();
        }
        record(key, amount, completed ? Answer::completed : Answer::failed);
    });
}

void Van::record(const std::string& key, Money amount, Answer answer) {
    auto recorded = std::make_shared<Answer>();
    module_.write(
        [key, amount, answer, recorded](bus::UnitOfWork& work) -> http::Answer {
            // A cancel may have come while the network was asked: its row answers the charge.
            if (const auto entry = find(work.db(), key)) {
                *recorded = answer_from(*entry, amount);
            } else {
                insert(work, key, amount.cents(), answer);
                *recorded = answer;
            }
            return http::Response{};
        },
        [this, key, recorded](const http::Answer& written) {
            const bool stored = std::holds_alternative<http::Response>(written);
            finish(
                key,
                stored ? *recorded : Answer::unavailable,
                stored ? std::chrono::milliseconds(0) : storage_retry
            );
        }
    );
}

void Van::finish(const std::string& key, Answer answer, std::chrono::milliseconds retry_after) {
    const auto call = under_way_.extract(key);
    for (const Done& done : call.mapped().waiting) {
        done(answer, retry_after);
    }
}

void Van::cancel(const std::string& key, Done done) {
    module_.write(
        [key](bus::UnitOfWork& work) -> http::Answer {
            if (find(work.db(), key)) {
                work.prepare(update_canceled).bind(key).run();
            } else {
                insert(work, key, std::nullopt, Answer::failed);
            }
            return http::Response{};
        },
        [done = std::move(done)](const http::Answer& written) {
            const bool stored = std::holds_alternative<http::Response>(written);
            done(
                stored ? Answer::canceled : Answer::unavailable,
                stored ? std::chrono::milliseconds(0) : storage_retry
            );
        }
    );
}

bool ledger_has(storage::Connection& db, const std::string& key, bool refunded) {
    auto row = db.prepare(select_canceled);
    row.bind(key);
    return row.step() && (row.integer(0) != 0 || !refunded);
}

}  // namespace bookstore::van
