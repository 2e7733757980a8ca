#include "kernel/rebuild.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "bus/cursor.hpp"
#include "storage/free_pages.hpp"

namespace bookstore::kernel {
namespace {

std::string second_of(const std::string& table) {
    return table + "_rebuild";
}

std::string base_of(const std::string& table) {
    return table + "_base";
}

/// Names in the table of cursors: the base's own; and the mark, at 1, that the second table is the
/// base that is under way.
std::string base_cursor(const std::string& name) {
    return name + ".base";
}
std::string base_under_way(const std::string& name) {
    return name + ".base-under-way";
}

bool has_table(storage::Connection& db, const std::string& table) {
    return db.query_text(fmt::format("SELECT name FROM sqlite_schema WHERE name = '{}'", table))
        .has_value();
}

std::string renaming(const std::string& from, const std::string& to) {
    return fmt::format("ALTER TABLE {} RENAME TO {}", from, to);
}

/// Rows of the base that are copied in a transaction.
constexpr int rows_copied = 4096;

/// While one is under way: an index by customer is written all over, and its pages stay in memory.
constexpr auto large_cache = "PRAGMA cache_size = -8192";
constexpr auto usual_cache = "PRAGMA cache_size = -2000; PRAGMA shrink_memory";  // SQLite's default

/// Events in a transaction. The rows of a customer lie together in an index, hence those of a batch
/// all over it: the larger it is, the less often each page is written.
constexpr std::size_t batch = 64 * 1024;

constexpr int pages_given_back = 256;  ///< in a transaction: 1 MiB, a few ms
/// What the WAL needs of the disk, beside the table: a part of that.
constexpr std::int64_t wal_part = 4;

bool is_disk_full(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const storage::Error& e) {
        return e.full();
    } catch (const std::exception&) {
        return false;
    }
    return false;
}

/// Its disk has so little left that a second table may take no more.
bool is_nearly_full(storage::Writer& writer) {
    return !writer.wants_opening() && storage::disk_is_nearly_full(writer.connection().path());
}

std::string in_mib(std::int64_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string what(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const std::exception& e) {
        return e.what();
    }
    return "it was rolled back";
}

}  // namespace

Rebuild::Rebuild(
    Options options,
    bus::Subscription& live,
    storage::Database& database,
    bus::Topic& topic,
    const Clock& clock
)
    : options_(std::move(options)),
      live_(live),
      database_(database),
      topic_(topic),
      clock_(clock),
      removing_trouble_("removing what the rebuild of " + options_.name + " left") {}

void Rebuild::drop_leftovers() {
    storage::Connection& db = database_.writer().connection();
    const bool left = has_table(db, second_of(options_.table));
    has_base_ = has_table(db, base_of(options_.table));
    if (!left) {
        return;
    }
    const auto second = options_.make();
    db.execute("BEGIN IMMEDIATE");
    if (bus::Cursor(base_under_way(options_.name)).read(db) > 0) {
        put_base(db, *second);
        has_base_ = true;
    } else {
        db.execute("DROP TABLE " + second_of(options_.table));
        second->clear(db);
    }
    db.execute("COMMIT");
    phase_ = Phase::giving_back;
}

void Rebuild::create_table(storage::Connection& db, const std::string& table) {
    // The served table's own definition: its constraints, hence its indexes, come along, and are
    // renamed with it. (An index of its own name would not be.)
    const auto sql = db.query_text(fmt::format(
        "SELECT substr(sql, instr(sql, '(')) FROM sqlite_schema WHERE name = '{}'", table
    ));
    db.execute("DROP TABLE IF EXISTS " + second_of(table));
    db.execute("CREATE TABLE " + second_of(table) + sql.value());
}

void Rebuild::submit(
    std::function<void(storage::Connection&)> run,
    std::function<void()> committed,
    std::function<void(const std::exception_ptr&)> failed
) {
    submitted_ = true;
    database_.writer().submit({
        .durable = true,
        .run =
            [run = std::move(run)](storage::Connection& db) {
                run(db);
                return true;
            },
        .done =
            [this,
             committed = std::move(committed),
             failed = std::move(failed)](const storage::Outcome& outcome) {
                submitted_ = false;
                if (outcome.kind != storage::Outcome::Kind::committed) {
                    failed(outcome.error);
                    return;
                }
                try {
                    committed();
                } catch (const std::exception&) {
                    failed(std::current_exception());  // `done` must not throw
                }
            },
    });
}

/// The table that is served is not larger than what its file has in use, and the new one will not
/// be much larger. Nothing when there is room for it.
std::optional<std::string> Rebuild::lacks_room() {
    storage::Connection& db = database_.writer().connection();
    const storage::FileSpace space = storage::space_of(db);
    const std::int64_t needed = space.used_bytes + space.used_bytes / wal_part - space.free_bytes;
    const std::int64_t left = storage::disk_left_bytes(db.path());
    if (needed <= left && !storage::disk_is_nearly_full(db.path())) {
        return std::nullopt;
    }
    return fmt::format(
        "a rebuild of {} needs up to {} beside the table that is served, and the disk has {} left; "
        "nothing was changed",
        options_.name,
        in_mib(std::max<std::int64_t>(needed, 0)),
        in_mib(left)
    );
}

std::optional<Rebuild::Refusal> Rebuild::begin() {
    if (phase_ == Phase::removing) {
        return Refusal{
            .why = "what the last rebuild of " + options_.name + " left is being removed"
        };
    }
    if (under_way()) {
        return Refusal{.why = "a rebuild of " + options_.name + " is under way"};
    }
    if (auto why = lacks_room()) {
        return Refusal{.no_room = true, .why = std::move(*why)};
    }
    if (!has_base_ && topic_.first() > 1) {
        return Refusal{
            .why = fmt::format(
                "{} cannot be rebuilt: the log begins at {}, and no base was kept of what was "
                "before",
                options_.name,
                topic_.first()
            )
        };
    }
    canceled_ = false;
    {
        const std::scoped_lock lock(mutex_);
        progress_ = {};
        progress_.state = State::building;
        progress_.started_ms = clock_.now_ms();
        progress_.end = topic_.end();
    }
    if (phase_ == Phase::idle || phase_ == Phase::giving_back) {
        create();
    } else {
        waits_for_base_ = true;  // whose table it needs
    }
    return std::nullopt;
}

bool Rebuild::cancel() {
    if (!under_way() || canceled_) {
        return false;
    }
    canceled_ = true;  // what is under way ends first: step() goes on
    const std::scoped_lock lock(mutex_);
    progress_.state = State::canceled;
    progress_.ended_ms = clock_.now_ms();
    return true;
}

void Rebuild::create() {
    phase_ = Phase::creating;
    second_ = options_.make();
    submit(
        [this](storage::Connection& db) {
            create_table(db, options_.table);
            second_->clear(db);
            passed_over_ = live_.held().skipped(db);
        },
        [this] {
            database_.writer().connection().execute(large_cache);
            if (has_base_) {
                phase_ = Phase::copying;
            } else {
                start_building();
            }
        },
        [this](const std::exception_ptr& error) { fail(error); }
    );
}

void Rebuild::start_building() {
    second_->start({.batch = batch, .passed_over = passed_over_});
    phase_ = Phase::building;
}

/// The base's next rows; behind the last ones its cursor and what it holds.
void Rebuild::copy() {
    const auto done = std::make_shared<bool>(false);
    submit(
        [this, done](storage::Connection& db) {
            db.execute(fmt::format(
                "INSERT INTO {0} SELECT * FROM {1} WHERE rowid > "
                "(SELECT coalesce(max(rowid), 0) FROM {0}) ORDER BY rowid LIMIT {2}",
                second_of(options_.table),
                base_of(options_.table),
                rows_copied
            ));
            *done = db.changes() == 0;
            if (*done) {
                second_->copy_from(db, base_cursor(options_.name));
                second_->pass_over(db, passed_over_);  // skipped since the base was kept
            }
        },
        [this, done] {
            if (*done) {
                start_building();
            }
        },
        [this](const std::exception_ptr& error) { fail(error); }
    );
}

// ---- the base

std::int64_t Rebuild::base_position(storage::Connection& db) const {
    if (bus::Cursor(base_under_way(options_.name)).read(db) > 0) {
        return bus::Cursor(options_.name + ".rebuild").read(db);
    }
    return bus::Cursor(base_cursor(options_.name)).read(db);
}

void Rebuild::keep_base(std::int64_t position) {
    if ((phase_ != Phase::idle && phase_ != Phase::giving_back) ||
        database_.writer().wants_opening()) {
        return;
    }
    if (!has_base_) {
        if (const auto why = lacks_room()) {
            spdlog::warn("the log is not cut: {}", *why);
            return;
        }
    }
    open_base(position);
}

void Rebuild::open_base(std::int64_t position) {
    phase_ = Phase::opening_base;
    second_ = options_.make();
    const auto needed = std::make_shared<bool>(false);
    submit(
        [this, position, needed](storage::Connection& db) {
            base_until_ = std::min(position, live_.settled(db));
            *needed = base_until_ > base_position(db);
            if (!*needed) {
                return;
            }
            passed_over_ = live_.held().skipped(db);
            if (has_table(db, base_of(options_.table))) {
                db.execute(renaming(base_of(options_.table), second_of(options_.table)));
                second_->take_from(db, base_cursor(options_.name));
                second_->pass_over(db, passed_over_);
            } else {
                create_table(db, options_.table);
                second_->clear(db);
            }
            bus::Cursor(base_under_way(options_.name)).move(db, 0, 1);
        },
        [this, needed] {
            if (*needed) {
                second_->start({.batch = batch, .passed_over = passed_over_, .until = base_until_});
                phase_ = Phase::building_base;
            } else {
                second_.reset();
                phase_ = Phase::giving_back;
            }
        },
        [this](const std::exception_ptr& error) {
            spdlog::warn("{}: no base for a rebuild is kept: {}", options_.name, what(error));
            // It may be opened all the same: the outcome is not known, or what came after failed.
            removing_trouble_.failed(what(error), clock_.steady_ms());
            phase_ = Phase::closing_base;
        }
    );
}

/// It may end anywhere: its rows and its cursor agree after each transaction.
bool Rebuild::build_base() {
    const bool enough = second_->position() >= base_until_ || waits_for_base_ ||
                        second_->found_disk_full() || is_nearly_full(database_.writer());
    if (!enough) {
        return second_->step();
    }
    second_->save_cursor();
    if (!second_->at_rest()) {
        return false;
    }
    close_base();
    return true;
}

void Rebuild::put_base(storage::Connection& db, const bus::Subscription& second) const {
    db.execute(renaming(second_of(options_.table), base_of(options_.table)));
    second.give_to(db, base_cursor(options_.name));
    bus::Cursor(base_under_way(options_.name)).clear(db);
}

/// Once more does no harm: the last attempt may have been written though it failed.
void Rebuild::close_base() {
    phase_ = Phase::closing_base;
    const auto has_base = std::make_shared<bool>(false);
    submit(
        [this, has_base](storage::Connection& db) {
            if (bus::Cursor(base_under_way(options_.name)).read(db) > 0) {
                put_base(db, *second_);
            }
            *has_base = has_table(db, base_of(options_.table));
        },
        [this, has_base] {
            has_base_ = *has_base;
            second_.reset();
            phase_ = Phase::giving_back;
            if (std::exchange(waits_for_base_, false)) {
                if (canceled_) {
                    end({.state = State::canceled});
                } else {
                    create();
                }
            }
        },
        [this](const std::exception_ptr& error) {
            removing_trouble_.failed(what(error), clock_.steady_ms());
        }
    );
}

bool Rebuild::step() {
    if (submitted_) {
        return false;
    }
    switch (phase_) {
        case Phase::copying:
            if (canceled_) {
                end({.state = State::canceled});
            } else {
                copy();
            }
            return true;
        case Phase::building:
            return build();
        case Phase::building_base:
            return build_base();
        case Phase::closing_base:
            if (!removing_trouble_.may_try(clock_.steady_ms())) {
                return false;
            }
            close_base();
            return true;
        case Phase::removing:
            if (!removing_trouble_.may_try(clock_.steady_ms())) {
                return false;
            }
            remove();
            return true;
        case Phase::giving_back:
            if (giving_) {
                return false;
            }
            give_back();
            return true;
        default:
            return false;
    }
}

bool Rebuild::build() {
    if (canceled_) {
        if (!second_->at_rest()) {
            return false;
        }
        end({.state = State::canceled});
        return true;
    }
    // Before the others find no room: they need some for every order.
    if (second_->at_rest() && (second_->found_disk_full() || is_nearly_full(database_.writer()))) {
        end({.state = State::failed, .failure = "the disk is full", .reason = "the disk is full"});
        return true;
    }
    const bool did = second_->step();
    {
        const std::scoped_lock lock(mutex_);
        progress_.position = second_->position();
        progress_.end = topic_.end();
    }
    if (!did && second_->idle()) {
        replace();
        return true;
    }
    return did;
}

void Rebuild::replace() {
    phase_ = Phase::replacing;
    submit(
        [this](storage::Connection& db) {
            outdated_ = live_.held().skipped(db) != passed_over_;
            if (outdated_ || canceled_) {
                return;
            }
            db.execute("DROP TABLE " + options_.table);
            db.execute(fmt::format(
                "ALTER TABLE {} RENAME TO {}", second_of(options_.table), options_.table
            ));
            live_.replace_by(db, *second_);
        },
        [this] {
            if (canceled_) {
                end({.state = State::canceled});
                return;
            }
            if (outdated_) {
                create();
                return;
            }
            live_.reload();
            end({});
        },
        [this](const std::exception_ptr& error) { fail(error); }
    );
}

void Rebuild::fail(const std::exception_ptr& error) {
    end({
        .state = canceled_ ? State::canceled : State::failed,
        .failure = what(error),
        .reason = is_disk_full(error) ? "the disk is full" : "see the log",
    });
}

/// Nothing of it is under way any more.
void Rebuild::end(End end) {
    phase_ = end.state == State::done ? Phase::giving_back : Phase::removing;
    second_.reset();
    shrink_cache();
    const std::scoped_lock lock(mutex_);
    progress_.ended_ms = clock_.now_ms();
    progress_.state = end.state;
    if (end.state == State::done) {
        progress_.position = progress_.end;
        spdlog::info("{} was rebuilt from {} events", options_.name, progress_.end);
    } else if (end.state == State::canceled) {
        spdlog::info("the rebuild of {} was canceled", options_.name);
    } else {
        spdlog::error("{} was not rebuilt: {}", options_.name, end.failure);
        progress_.failure = std::move(end.failure);
        progress_.reason = std::move(end.reason);
    }
}

/// On a full disk too: it needs less of the WAL than what was rolled back left there.
void Rebuild::remove() {
    submit(
        [this](storage::Connection& db) {
            db.execute("DROP TABLE IF EXISTS " + second_of(options_.table));
            options_.make()->clear(db);
        },
        [this] {
            removing_trouble_.succeeded();
            phase_ = Phase::giving_back;
        },
        [this](const std::exception_ptr& error) {
            removing_trouble_.failed(what(error), clock_.steady_ms());
        }
    );
}

/// Not one of submit()'s: a rebuild may begin meanwhile.
void Rebuild::give_back() {
    giving_ = true;
    const auto more = std::make_shared<bool>(false);
    database_.writer().submit({
        .durable = false,
        .run =
            [more](storage::Connection& db) {
                *more = storage::give_back_pages(db, pages_given_back);
                return true;
            },
        .done =
            [this, more](const storage::Outcome& outcome) {
                giving_ = false;
                const bool committed = outcome.kind == storage::Outcome::Kind::committed;
                if (!committed) {
                    spdlog::warn(
                        "{}: free pages stay in the file: {}", options_.name, what(outcome.error)
                    );
                }
                if (phase_ == Phase::giving_back && (!committed || !*more)) {
                    phase_ = Phase::idle;
                }
            },
    });
}

void Rebuild::shrink_cache() {
    if (database_.writer().wants_opening()) {
        return;  // a connection that is opened again has the usual cache
    }
    try {
        database_.writer().connection().execute(usual_cache);
    } catch (const storage::Error& error) {  // it reads the file's schema
        spdlog::debug("{}: its cache stays large: {}", options_.name, error.what());
    }
}

std::optional<std::int64_t> Rebuild::due_in_ms() const {
    if ((phase_ == Phase::removing || phase_ == Phase::closing_base) && !submitted_) {
        return removing_trouble_.pause_left_ms(clock_.steady_ms());
    }
    return phase_ == Phase::building || phase_ == Phase::building_base ? second_->due_in_ms()
                                                                       : std::nullopt;
}

Rebuild::Progress Rebuild::progress() const {
    const std::scoped_lock lock(mutex_);
    return progress_;
}

}  // namespace bookstore::kernel
