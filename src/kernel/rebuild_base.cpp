#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "kernel/rebuild.hpp"

// The base of a rebuild: the rows that the events make which are to be cut off.

namespace bookstore::kernel {

std::int64_t Rebuild::base_position(storage::Connection& db) const {
    return tables_.base_position(db);
}

void Rebuild::keep_base(std::int64_t position) {
    if ((phase_ != Phase::idle && phase_ != Phase::giving_back) ||
        database_.writer().wants_opening()) {
        return;
    }
    if (!has_base_) {
        if (topic_.first() > 1) {
            // The file is from before there was a base, beside a log that was cut since.
            spdlog::debug(
                "{}: no base for a rebuild can be made any more: the log begins at {}",
                options_.name,
                topic_.first()
            );
            return;
        }
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
            if (*needed) {
                passed_over_ = live_.held().skipped(db);
                tables_.open_base(db, *second_);
                second_->pass_over(db, passed_over_);
            }
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
            spdlog::warn(
                "{}: no base for a rebuild is kept: {}", options_.name, storage::reason_of(error)
            );
            // It may be opened all the same: the outcome is not known, or what came after failed.
            removing_trouble_.failed(storage::reason_of(error), clock_.steady_ms());
            phase_ = Phase::closing_base;
        }
    );
}

/// It may end anywhere: its rows and its cursor agree after each transaction.
bool Rebuild::build_base() {
    const bool enough = second_->position() >= base_until_ || waits_for_base_ ||
                        second_->found_disk_full() || is_nearly_full();
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

void Rebuild::close_base() {
    phase_ = Phase::closing_base;
    const auto has_base = std::make_shared<bool>(false);
    submit(
        [this, has_base](storage::Connection& db) {
            tables_.close_base(db, *second_);
            *has_base = tables_.has_base(db);
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
            removing_trouble_.failed(storage::reason_of(error), clock_.steady_ms());
        }
    );
}

}  // namespace bookstore::kernel
