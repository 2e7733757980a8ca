#pragma once

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/subscription.hpp"
#include "kernel/rebuild_tables.hpp"
#include "storage/database.hpp"
#include "storage/trouble.hpp"

namespace bookstore::kernel {

/// Rebuilds a read model from the log: a second table with its own cursor from 0 and its own held
/// events is built in batches, like by any subscription, while the first is served and goes on; at
/// the topic's end one transaction puts it in the first one's place. Events that operators skipped
/// are passed over; when one was skipped meanwhile, it begins again.
///
/// It needs room for a second table. Without, it does not begin; when the disk gets full meanwhile,
/// or somebody cancels it, it ends, and its table goes. What it leaves of free pages, however it
/// ended, is given back to the file system, some at a time.
/// Since the log may be cut, a base is kept beside the table: the rows that the events up to some
/// position make, with a cursor and held events of their own. It is a rebuild that ended early and
/// goes on before more of the log is cut; a rebuild begins with a copy of it.
/// All on the module's thread, but for progress() and name().
class Rebuild {
  public:
    enum class State { none, building, done, failed, canceled };
    struct Progress {
        State state = State::none;
        std::int64_t position = 0;
        std::int64_t end = 0;
        std::optional<std::int64_t> started_ms;
        std::optional<std::int64_t> ended_ms;
        std::string failure;  ///< why it ended without a new table; empty when it did not
        std::string reason;   ///< the same for clients, without a path or SQL
    };
    /// Why none was begun.
    struct Refusal {
        bool no_room = false;  ///< else one is under way, or what one left is still being removed
        std::string why;
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

    /// Removes what a crash left half built; a base is put where it was. Before the module starts.
    void drop_leftovers();
    /// Begins; nothing is returned when it did. Throws storage::Error.
    std::optional<Refusal> begin();
    /// Ends it, and its table goes; false when none is under way.
    bool cancel();
    /// The log may be cut at that position: has the base come that far if it can, which takes a
    /// while. Nothing happens while a rebuild is under way.
    void keep_base(std::int64_t position);
    /// Inside a transaction: from where on a rebuild would need the log; 0 without a base.
    std::int64_t base_position(storage::Connection& db) const;
    /// false when there is nothing to do.
    bool step();
    /// In how many ms step() has something to do again; nothing when nothing is due.
    std::optional<std::int64_t> due_in_ms() const;
    bool under_way() const {
        return phase_ == Phase::creating || phase_ == Phase::copying || phase_ == Phase::building ||
               phase_ == Phase::replacing || waits_for_base_;
    }
    /// None is under way, and nothing of the last one is left to be removed or given back.
    bool at_rest() const { return phase_ == Phase::idle; }
    /// Of the last rebuild. Any thread.
    Progress progress() const;

    const std::string& name() const { return options_.name; }

  private:
    enum class Phase {
        idle,
        creating,
        copying,  ///< the base's rows, into the second table
        building,
        replacing,
        removing,  ///< it failed or was canceled: its table, cursor and held events go
        giving_back,
        opening_base,
        building_base,
        closing_base
    };
    /// What is told of its end.
    struct End {
        State state = State::done;
        std::string failure{};
        std::string reason{};
    };

    void submit(
        std::function<void(storage::Connection&)> run,
        std::function<void()> committed,
        std::function<void(const std::exception_ptr&)> failed
    );
    std::optional<std::string> lacks_room();
    /// Its disk has so little left that a second table may take no more.
    bool is_nearly_full() const;
    void create();
    void copy();
    void start_building();
    bool build();
    void replace();
    void remove();
    void give_back();
    void fail(const std::exception_ptr& error);
    void end(End end);
    void shrink_cache();

    // rebuild_base.cpp
    void open_base(std::int64_t position);
    bool build_base();
    void close_base();

    /// Events in a transaction. The rows of a customer lie together in an index, hence those of a
    /// batch all over it: the larger it is, the less often each page is written.
    static constexpr std::size_t batch = 64 * 1024;

    Options options_;
    RebuildTables tables_;
    bus::Subscription& live_;
    storage::Database& database_;
    bus::Topic& topic_;
    const Clock& clock_;
    Phase phase_ = Phase::idle;
    bool submitted_ = false;
    std::vector<std::int64_t> passed_over_;  ///< positions that were skipped before it began
    bool outdated_ = false;                  ///< an event was skipped that the second set may have
    bool canceled_ = false;
    bool waits_for_base_ = false;  ///< a rebuild begins when the base that is under way is closed
    bool has_base_ = false;
    std::int64_t base_until_ = 0;  ///< how far the base that is under way shall come
    bool giving_ = false;          ///< pages are being given back, in a transaction under way
    std::unique_ptr<bus::Subscription> second_;
    storage::StorageTrouble removing_trouble_;
    mutable std::mutex mutex_;
    Progress progress_;  ///< guarded by mutex_
};

constexpr std::array<std::string_view, 5> words_of(Rebuild::State) {
    return {"none", "building", "done", "failed", "canceled"};
}

}  // namespace bookstore::kernel
