#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/subscription.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {

/// Rebuilds a read model from the log: a second table with its own cursor from 0 and its own held
/// events is built in batches, like by any subscription, while the first is served and goes on; at
/// the topic's end one transaction puts it in the first one's place. Events that operators skipped
/// are passed over; when one was skipped meanwhile, it begins again.
/// All on the module's thread, but for progress() and name().
class Rebuild {
  public:
    enum class State { none, building, done, failed };
    struct Progress {
        State state = State::none;
        std::int64_t position = 0;
        std::int64_t end = 0;
        std::optional<std::int64_t> started_ms;
        std::optional<std::int64_t> ended_ms;
        std::string failure;  ///< why it ended without a new table; empty when it did not
    };
    struct Options {
        std::string name;
        std::string table;
        /// The subscription NAME.rebuild, whose handlers write into TABLE_rebuild.
        std::function<std::unique_ptr<bus::Subscription>()> make;
    };

    Rebuild(
        Options options,
        bus::Subscription& live,
        storage::Database& database,
        bus::Topic& topic,
        const Clock& clock
    );

    /// Removes what a crash left half built. Before the module starts.
    void drop_leftovers();
    /// Begins; false when one is under way.
    bool begin();
    /// false when there is nothing to do.
    bool step();
    /// In how many ms step() has something to do again; nothing when nothing is due.
    std::optional<std::int64_t> due_in_ms() const;
    bool under_way() const { return phase_ != Phase::idle; }
    /// Of the last rebuild. Any thread.
    Progress progress() const;
    /// The statements of its table are for TABLE_rebuild: made here, for tests of their plans too.
    static void create_table(storage::Connection& db, const std::string& table);

    const std::string& name() const { return options_.name; }

  private:
    enum class Phase { idle, creating, building, replacing };

    void submit(std::function<void(storage::Connection&)> run, std::function<void()> committed);
    void create();
    void replace();
    void end(std::string failure);
    void shrink_cache();

    Options options_;
    bus::Subscription& live_;
    storage::Database& database_;
    bus::Topic& topic_;
    const Clock& clock_;
    Phase phase_ = Phase::idle;
    bool submitted_ = false;
    std::vector<std::int64_t> passed_over_;  ///< positions that were skipped before it began
    bool outdated_ = false;                  ///< an event was skipped that the second set may have
    std::unique_ptr<bus::Subscription> second_;
    mutable std::mutex mutex_;
    Progress progress_;  ///< guarded by mutex_
};

constexpr std::array<std::string_view, 4> words_of(Rebuild::State) {
    return {"none", "building", "done", "failed"};
}

}  // namespace bookstore::kernel
