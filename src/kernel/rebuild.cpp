#include "kernel/rebuild.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace bookstore::kernel {
namespace {

std::string second_of(const std::string& table) {
    return table + "_rebuild";
}

/// While one is under way: an index by customer is written all over, and its pages stay in memory.
constexpr auto large_cache = "PRAGMA cache_size = -8192";
constexpr auto usual_cache = "PRAGMA cache_size = -2000; PRAGMA shrink_memory";  // SQLite's default

/// Events in a transaction. The rows of a customer lie together in an index, hence those of a batch
/// all over it: the larger it is, the less often each page is written.
constexpr std::size_t batch = 64 * 1024;

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
      clock_(clock) {}

void Rebuild::drop_leftovers() {
    storage::Connection& db = database_.writer().connection();
    const auto left = db.query_text(
        fmt::format("SELECT name FROM sqlite_schema WHERE name = '{}'", second_of(options_.table))
    );
    if (!left) {
        return;
    }
    db.execute("BEGIN IMMEDIATE");
    db.execute("DROP TABLE " + second_of(options_.table));
    options_.make()->clear(db);
    db.execute("COMMIT");
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
    std::function<void(storage::Connection&)> run, std::function<void()> committed
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
            [this, committed = std::move(committed)](const storage::Outcome& outcome) {
                submitted_ = false;
                if (outcome.kind != storage::Outcome::Kind::committed) {
                    end(what(outcome.error));
                    return;
                }
                try {
                    committed();
                } catch (const std::exception& error) {
                    end(error.what());  // `done` must not throw
                }
            },
    });
}

bool Rebuild::begin() {
    if (phase_ != Phase::idle) {
        return false;
    }
    {
        const std::scoped_lock lock(mutex_);
        progress_ = {};
        progress_.state = State::building;
        progress_.started_ms = clock_.now_ms();
        progress_.end = topic_.end();
    }
    create();
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
            second_->start({.batch = batch, .passed_over = passed_over_});
            phase_ = Phase::building;
        }
    );
}

bool Rebuild::step() {
    if (phase_ != Phase::building || submitted_) {
        return false;
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
            if (outdated_) {
                return;
            }
            db.execute("DROP TABLE " + options_.table);
            db.execute(fmt::format(
                "ALTER TABLE {} RENAME TO {}", second_of(options_.table), options_.table
            ));
            live_.replace_by(db, *second_);
        },
        [this] {
            if (outdated_) {
                create();
                return;
            }
            live_.reload();
            end({});
        }
    );
}

void Rebuild::end(std::string failure) {
    phase_ = Phase::idle;
    second_.reset();
    shrink_cache();
    const std::scoped_lock lock(mutex_);
    progress_.ended_ms = clock_.now_ms();
    progress_.state = failure.empty() ? State::done : State::failed;
    progress_.failure = failure;
    if (failure.empty()) {
        progress_.position = progress_.end;
        spdlog::info("{} was rebuilt from {} events", options_.name, progress_.end);
    } else {
        spdlog::error("{} was not rebuilt: {}", options_.name, failure);
    }
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
    return phase_ == Phase::building ? second_->due_in_ms() : std::nullopt;
}

Rebuild::Progress Rebuild::progress() const {
    const std::scoped_lock lock(mutex_);
    return progress_;
}

}  // namespace bookstore::kernel
