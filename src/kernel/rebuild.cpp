#include "kernel/rebuild.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "storage/free_pages.hpp"

namespace bookstore::kernel {
namespace {

/// While one is under way: an index by customer is written all over, and its pages stay in memory.
constexpr auto large_cache = "PRAGMA cache_size = -8192";
constexpr auto usual_cache = "PRAGMA cache_size = -2000; PRAGMA shrink_memory";  // SQLite's default

constexpr int pages_given_back = 256;  ///< in a transaction: 1 MiB, a few ms
/// What the WAL needs of the disk, beside the table: a part of that.
constexpr std::int64_t wal_part = 4;

std::string in_mib(std::int64_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
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
      tables_(options_.name, options_.table),
      live_(live),
      database_(database),
      topic_(topic),
      clock_(clock),
      removing_trouble_("removing what the rebuild of " + options_.name + " left") {}

void Rebuild::drop_leftovers() {
    {
        const storage::Reader reader = database_.read();
        has_base_ = tables_.has_base(*reader);
        const bool base_is_old = has_base_ && !tables_.is_base_up_to_date(*reader);
        if (!tables_.has_second(*reader) && !base_is_old) {
            return;
        }
    }
    const auto second = options_.make();
    bool is_base = false;
    database_.writer().commit_now({
        .durable = true,
        .run =
            [&](storage::Connection& db) {
                is_base = tables_.is_base_under_way(db);
                if (is_base) {
                    tables_.close_base(db, *second);
                } else {
                    tables_.drop_second(db);
                    second->clear(db);
                }
                tables_.bring_base_up_to_date(db);
                return true;
            },
        .done = {},
    });
    has_base_ = has_base_ || is_base;
    phase_ = Phase::giving_back;
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

bool Rebuild::is_nearly_full() const {
    storage::Writer& writer = database_.writer();
    return !writer.wants_opening() && storage::disk_is_nearly_full(writer.connection().path());
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
            tables_.create_second(db);
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

void Rebuild::copy() {
    const auto more = std::make_shared<bool>(true);
    submit(
        [this, more](storage::Connection& db) {
            *more = tables_.copy_base(db, *second_);
            if (!*more) {
                second_->pass_over(db, passed_over_);  // skipped since the base was kept
            }
        },
        [this, more] {
            if (!*more) {
                start_building();
            }
        },
        [this](const std::exception_ptr& error) { fail(error); }
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
    if (second_->at_rest() && (second_->found_disk_full() || is_nearly_full())) {
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
            tables_.serve_second(db);
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
        .failure = storage::reason_of(error),
        .reason = storage::is_disk_full(error) ? "the disk is full" : "see the log",
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
            tables_.drop_second(db);
            options_.make()->clear(db);
        },
        [this] {
            removing_trouble_.succeeded();
            phase_ = Phase::giving_back;
        },
        [this](const std::exception_ptr& error) {
            removing_trouble_.failed(storage::reason_of(error), clock_.steady_ms());
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
                        "{}: free pages stay in the file: {}",
                        options_.name,
                        storage::reason_of(outcome.error)
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
