#pragma once

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/key.hpp"
#include "base/trace.hpp"
#include "bus/due.hpp"
#include "bus/stats.hpp"
#include "bus/times.hpp"
#include "bus/unit_of_work.hpp"
#include "storage/trouble.hpp"

namespace bookstore::bus {

/// What all kinds of tasks have in common.
class TaskRunner {
  public:
    virtual ~TaskRunner() = default;
    /// Takes up due intents as far as there is room; false when there was nothing to do.
    virtual bool step() = 0;
    /// In how many ms step() has something to do again though nobody rings; nothing when nothing is
    /// due.
    virtual std::optional<std::int64_t> due_in_ms() const = 0;
    /// The module committed something: an intent may be due.
    virtual void intents_changed() = 0;
    /// The module was stopped, or goes on. A call under way when it was stopped is not stored when
    /// it ends: its intent is due again. It is not stepped while it is stopped.
    virtual void set_stopped(bool stopped) = 0;
    virtual const std::string& name() const = 0;
    /// What is due could last be read, and what was called was stored. Any thread.
    virtual bool healthy() const = 0;
    /// When its last attempts were made, and what they came to. Any thread.
    const TaskTimes& times() const { return times_; }
    /// Any thread.
    const TaskStats& stats() const { return stats_; }

  protected:
    TaskStats stats_;
    TaskTimes times_;
};

/// Carries out intents that are stored in rows with a `next_try`: a payment to request, say. An
/// intent is called for outside of any transaction, at most `max_in_flight` at a time, oldest
/// first, and what it led to is written in one. Which ones are in flight is known in memory alone
/// (one process holds the directory): after a crash they are due again, so a call must be
/// idempotent. An `Intent` has the members `id` and `trace`, and subject() when it is about
/// something.
///
/// All on the module's thread; a call's `done` may come from any thread, once. One that is dropped
/// uncalled ends its call without a result, and the intent is due again.
template <class Intent>
class Tasks final : public TaskRunner {
  public:
    /// Writes what a call led to; it must look whether that is still wanted.
    using Settle = std::function<void(UnitOfWork&)>;
    using Done = std::function<void(Settle)>;

    struct Spec {
        std::string name;
        /// The intents whose next_try is in that span, by next_try, at most `limit`.
        std::function<std::vector<Intent>(storage::Connection&, DueSpan span, std::size_t limit)>
            due;
        /// The earliest next_try after now_ms; nothing when there is none.
        std::function<std::optional<std::int64_t>(storage::Connection&, std::int64_t now_ms)>
            next_try;
        /// No next_try is set further ahead than this: one that is was set before the clock was
        /// set back, and is due.
        std::int64_t longest_wait_ms = -1;
        std::function<void(const Intent&, Done)> call;
        std::size_t max_in_flight = 64;
        /// A call without an end after so long is settled by `timed_out`, and a later `done` of it
        /// is ignored; 0: it always ends.
        std::int64_t timeout_ms = 0;
        std::function<Settle(const Intent&)> timed_out;
    };

    Tasks(Spec spec, Outbox& outbox, const Clock& clock)
        : spec_(std::move(spec)),
          outbox_(outbox),
          clock_(clock),
          trouble_("task " + spec_.name),
          reading_("task " + spec_.name) {
        assert(spec_.longest_wait_ms >= 0 && "a task says how far ahead its intents are put off");
    }

    bool step() override {
        const bool expired = expire();
        const std::int64_t now = clock_.now_ms();
        const bool due = intents_changed_ || (next_try_ms_ && wait_ms(*next_try_ms_, now) == 0);
        if (!due || paused_ms() > 0 || in_flight_.size() >= spec_.max_in_flight) {
            return expired;
        }
        intents_changed_ = false;
        try {
            const bool started = start_due(now);
            reading_.succeeded();
            if (in_flight_.empty() && !started) {
                trouble_.succeeded();  // what could not be stored is not due any more
            }
            return started || expired;
        } catch (const std::exception& error) {
            reading_.failed(error.what(), clock_.steady_ms());
            intents_changed_ = true;
            return expired;
        }
    }

    std::optional<std::int64_t> due_in_ms() const override {
        std::optional<std::int64_t> due;
        const auto consider = [&due](std::int64_t ms) { due = due ? std::min(*due, ms) : ms; };
        if (!deadlines_.empty()) {
            consider(std::max<std::int64_t>(deadlines_.front().at_ms - clock_.steady_ms(), 0));
        }
        if (in_flight_.size() < spec_.max_in_flight && (intents_changed_ || next_try_ms_)) {
            const std::int64_t ms = intents_changed_ ? 0 : wait_ms(*next_try_ms_, clock_.now_ms());
            consider(std::max(ms, paused_ms()));
        }
        return due;
    }

    void intents_changed() override { intents_changed_ = true; }
    void set_stopped(bool stopped) override {
        stopped_ = stopped;
        intents_changed_ = true;
    }
    const std::string& name() const override { return spec_.name; }
    bool healthy() const override { return trouble_.healthy() && reading_.healthy(); }
    std::size_t in_flight() const { return in_flight_.size(); }

  private:
    struct Deadline {
        std::int64_t at_ms;  ///< on Clock::steady_ms
        std::uint64_t attempt;
        Intent intent;
    };

    /// An attempt that has no end yet.
    struct Running {
        std::uint64_t attempt;
        std::int64_t started_ms;
        Key subject;
        std::string trace;
        std::string_view outcome;
    };

    /// What a call is ended by: its `done` and all copies of it share one.
    class Promise {
      public:
        Promise(Tasks& tasks, std::int64_t id, std::uint64_t attempt)
            : tasks_(tasks), there_(tasks.there_), id_(id), attempt_(attempt) {}
        ~Promise() {
            if (!kept_ && !there_.expired()) {
                storage::call_and_log("a task", [this] { tasks_.submit_dropped(id_, attempt_); });
            }
        }
        Promise(const Promise&) = delete;
        Promise& operator=(const Promise&) = delete;

        void keep(Settle settle) {
            kept_ = true;
            tasks_.submit(id_, attempt_, std::move(settle));
        }

      private:
        Tasks& tasks_;
        std::weak_ptr<void> there_;
        std::int64_t id_;
        std::uint64_t attempt_;
        std::atomic<bool> kept_{false};
    };

    std::int64_t wait_ms(std::int64_t next_try_ms, std::int64_t now) const {
        return bus::wait_ms(next_try_ms, now, spec_.longest_wait_ms);
    }
    std::int64_t paused_ms() const {
        const std::int64_t now = clock_.steady_ms();
        return std::max(trouble_.pause_left_ms(now), reading_.pause_left_ms(now));
    }

    static Key subject_of(const Intent& intent) {
        if constexpr (requires { intent.subject(); }) {
            return intent.subject();
        } else {
            return {};
        }
    }
    LogContext context_of(const Running& running) const {
        return {.trace = running.trace, .task = spec_.name, .subject = running.subject};
    }

    bool start_due(std::int64_t now) {
        std::vector<Intent> intents;
        {
            const storage::Reader reader = outbox_.database().read();
            // Those in flight are still due as far as the file knows, so room is made for them.
            const std::size_t limit = spec_.max_in_flight + in_flight_.size();
            intents =
                all_due(now, spec_.longest_wait_ms, limit, [&](DueSpan span, std::size_t most) {
                    return spec_.due(*reader, span, most);
                });
            next_try_ms_ = spec_.next_try(*reader, now);
            if (next_try_ms_ && wait_ms(*next_try_ms_, now) == 0) {
                next_try_ms_.reset();  // it is among those: further ahead than it can be
            }
        }
        bool started = false;
        for (const Intent& intent : intents) {
            if (in_flight_.size() >= spec_.max_in_flight) {
                return true;
            }
            const Running running{
                next_attempt_ + 1, clock_.now_ms(), subject_of(intent), intent.trace, {}
            };
            if (in_flight_.try_emplace(intent.id, running).second) {
                start(intent, ++next_attempt_);
                started = true;
            }
        }
        return started;
    }

    void start(const Intent& intent, std::uint64_t attempt) {
        stats_.started.add();
        if (spec_.timeout_ms > 0) {
            deadlines_.push_back({clock_.steady_ms() + spec_.timeout_ms, attempt, intent});
        }
        const LogContext context{
            .trace = intent.trace, .task = spec_.name, .subject = subject_of(intent)
        };
        const LogScope scope(context);
        const auto promise = std::make_shared<Promise>(*this, intent.id, attempt);
        try {
            spec_.call(intent, [promise](Settle settle) { promise->keep(std::move(settle)); });
        } catch (const std::exception& error) {  // its promise is dropped, unless it was given away
            trouble_.failed(error.what(), clock_.steady_ms());
        }
    }

    /// Ends a call that will never tell what it came to.
    void submit_dropped(std::int64_t id, std::uint64_t attempt) {
        outbox_.database().writer().submit({
            .durable = false,
            .run = [](storage::Connection&) { return false; },
            .done = when_ended(id, attempt),
        });
    }

    /// Takes up how a write for that call ended, if this is still there: who ends the process drops
    /// what waits, and tells it so.
    std::function<void(const storage::Outcome&)> when_ended(
        std::int64_t id, std::uint64_t attempt
    ) {
        return [this, there = std::weak_ptr(there_), id, attempt](const storage::Outcome& outcome) {
            if (!there.expired()) {
                finished(id, attempt, outcome);
            }
        };
    }

    /// What is written for a call that ran too long; what deciding that throws fails the write.
    Settle timed_out(const Intent& intent) const {
        try {
            return spec_.timed_out(intent);
        } catch (...) {
            return
                [error = std::current_exception()](UnitOfWork&) { std::rethrow_exception(error); };
        }
    }

    void submit(std::int64_t id, std::uint64_t attempt, Settle settle) {
        outbox_.database().writer().submit({
            .durable = true,
            .run =
                [this, id, attempt, settle = std::move(settle)](storage::Connection& db) {
                    const auto found = in_flight_.find(id);
                    if (stopped_ || found == in_flight_.end() || found->second.attempt != attempt) {
                        return false;  // its module was stopped, or it was given up before
                    }
                    Running& running = found->second;
                    const LogContext context = context_of(running);
                    const LogScope scope(context);
                    UnitOfWork work(db, outbox_, clock_, running.trace);
                    settle(work);
                    running.outcome = work.outcome();
                    return true;
                },
            .done = when_ended(id, attempt),
        });
    }

    /// Settles the calls that have run too long.
    bool expire() {
        bool expired = false;
        while (!deadlines_.empty()) {
            const Deadline& oldest = deadlines_.front();
            const auto running = in_flight_.find(oldest.intent.id);
            const bool over =
                running == in_flight_.end() || running->second.attempt != oldest.attempt;
            if (!over && clock_.steady_ms() < oldest.at_ms) {
                break;
            }
            if (!over) {
                expired = true;
                stats_.timed_out.add();
                // A new attempt's number: what the call itself may still say is ignored.
                running->second.attempt = ++next_attempt_;
                submit(oldest.intent.id, next_attempt_, timed_out(oldest.intent));
            }
            deadlines_.pop_front();
        }
        return expired;
    }

    void finished(std::int64_t id, std::uint64_t attempt, const storage::Outcome& outcome) {
        const auto running = in_flight_.find(id);
        if (running == in_flight_.end() || running->second.attempt != attempt) {
            return;
        }
        const Running ended = std::move(running->second);
        in_flight_.erase(running);
        stats_.ended.add();
        intents_changed_ = true;
        note(id, ended, outcome);
        if (outcome.kind == storage::Outcome::Kind::committed) {
            trouble_.succeeded();
        } else if (!stopped_) {
            // The result is lost, the intent is due again.
            trouble_.failed(
                fmt::format("the result for {} could not be stored", id), clock_.steady_ms()
            );
            stats_.lost.add();
        }
    }

    void note(std::int64_t id, const Running& ended, const storage::Outcome& outcome) {
        const bool stored = outcome.kind == storage::Outcome::Kind::committed;
        const std::string_view what = stored ? ended.outcome : "not stored";
        times_.add({id, ended.subject, ended.started_ms, clock_.now_ms(), what});
        const LogContext context = context_of(ended);
        const LogScope scope(context);
        spdlog::debug("task {} of {} ended: {}", spec_.name, id, what);
    }

    Spec spec_;
    Outbox& outbox_;
    const Clock& clock_;
    std::unordered_map<std::int64_t, Running> in_flight_;  ///< by the intent
    std::uint64_t next_attempt_ = 0;
    std::deque<Deadline> deadlines_;  ///< in order; some of calls that ended
    std::optional<std::int64_t> next_try_ms_;
    storage::StorageTrouble trouble_;  ///< of its calls, and of storing what they came to
    storage::StorageTrouble reading_;  ///< what is due
    bool intents_changed_ = true;      ///< since they were read
    bool stopped_ = false;
    std::shared_ptr<void> there_ = std::make_shared<char>();  ///< goes with this
};

}  // namespace bookstore::bus
