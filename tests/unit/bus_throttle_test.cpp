#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>

#include "bus/throttle.hpp"

namespace bookstore::test {
namespace {

using bus::Throttle;

/// Clients that write as fast as they may, and handlers that pass so many events a second in their
/// order: at once while clients are put off, else when the first has waited a second (Pressure).
class Shop {
  public:
    Shop(double placed_per_s, double handled_per_s)
        : placed_per_ms_(placed_per_s / 1000), handled_per_ms_(handled_per_s / 1000) {}

    void run(std::int64_t ms) {
        for (const std::int64_t end = now_ms_ + ms; now_ms_ < end; ++now_ms_) {
            write();
            handle();
            most_lag_ms_ = std::max(most_lag_ms_, lag_ms());
        }
    }
    /// Clients do nothing.
    void rest(std::int64_t ms) {
        now_ms_ += ms;
        waiting_.clear();
    }

    std::int64_t lag_ms() const { return waiting_.empty() ? 0 : now_ms_ - waiting_.front(); }

    /// What it has done since it was asked last.
    struct Done {
        std::int64_t placed = 0;
        std::int64_t handled = 0;
        std::int64_t most_lag_ms = 0;
        std::int64_t most_delay_ms = 0;
    };
    Done done() {
        Done done = done_;
        done.most_lag_ms = most_lag_ms_;
        done_ = {};
        most_lag_ms_ = 0;
        return done;
    }

  private:
    /// As many as want to, until one has to wait.
    void write() {
        may_place_ += placed_per_ms_;
        if (now_ms_ < put_off_until_ms_) {
            may_place_ = std::min(may_place_, placed_per_ms_);
            return;
        }
        for (; may_place_ >= 1; --may_place_) {
            const std::int64_t delay_ms = throttle_.admit(now_ms_, lag_ms());
            waiting_.push_back(now_ms_);
            ++done_.placed;
            done_.most_delay_ms = std::max(done_.most_delay_ms, delay_ms);
            if (delay_ms > 0) {
                put_off_until_ms_ = now_ms_ + delay_ms;
                return;
            }
        }
    }
    void handle() {
        const bool put_off = now_ms_ < put_off_until_ms_ + 20;
        handles_ = !waiting_.empty() && (put_off || handles_ || lag_ms() >= 1000);
        may_handle_ = handles_ ? may_handle_ + handled_per_ms_ : 0;
        for (; may_handle_ >= 1 && !waiting_.empty(); --may_handle_) {
            waiting_.pop_front();
            ++done_.handled;
        }
    }

    double placed_per_ms_;
    double handled_per_ms_;
    Throttle throttle_;
    std::int64_t now_ms_ = 1'000;
    std::deque<std::int64_t> waiting_;  ///< when it was written
    double may_place_ = 0;
    double may_handle_ = 0;
    bool handles_ = false;
    std::int64_t put_off_until_ms_ = -20;
    std::int64_t most_lag_ms_ = 0;
    Done done_;
};

}  // namespace

TEST_CASE("as many writes are let through as are handled, and events do not wait too long") {
    for (const double handled_per_s : {2'000.0, 8'000.0, 20'000.0}) {
        CAPTURE(handled_per_s);
        Shop shop(30'000, handled_per_s);
        shop.run(60'000);  // the first second's burst has to be handled, too
        shop.done();
        shop.run(60'000);
        const auto done = shop.done();
        CHECK(done.most_lag_ms < 2'000);
        CHECK(static_cast<double>(done.placed) < 1.05 * static_cast<double>(done.handled));
        CHECK(static_cast<double>(done.handled) > 0.85 * handled_per_s * 60);
    }
}

TEST_CASE("who writes no more than is handled is never put off") {
    Shop shop(5'000, 6'000);
    shop.run(60'000);
    CHECK(shop.done().most_delay_ms == 0);
}

TEST_CASE("a burst is not put off, nor the next one after a rest") {
    Shop shop(30'000, 20'000);
    for (int i = 0; i < 3; ++i) {
        shop.run(1'000);
        CHECK(shop.done().most_delay_ms == 0);
        shop.rest(5'000);
    }
}

TEST_CASE("a few clients are not put off, however long events wait") {
    Throttle throttle;
    for (std::int64_t ms = 0; ms < 10'000; ms += 10) {
        CHECK(throttle.admit(ms, 4'000) == 0);
    }
}

TEST_CASE("a disk that settles few events is protected too") {
    Shop shop(2'000, 200);
    shop.run(120'000);
    shop.done();
    shop.run(60'000);
    const auto done = shop.done();
    CHECK(done.most_lag_ms < 5'000);
    CHECK(static_cast<double>(done.placed) < 1.1 * static_cast<double>(done.handled));
    CHECK(done.handled > 60 * 100);
}

TEST_CASE("while nobody can say how long events wait no more are let through than before") {
    Throttle throttle;
    for (std::int64_t ms = 0; ms < 3'000; ++ms) {
        for (int i = 0; i < 5; ++i) {
            CHECK(throttle.admit(ms, 0) == 0);
        }
    }
    std::int64_t let_through = 0;
    std::int64_t put_off_until_ms = 0;
    for (std::int64_t ms = 3'000; ms < 13'000; ++ms) {
        for (int i = 0; i < 20 && ms >= put_off_until_ms; ++i) {
            put_off_until_ms = ms + throttle.admit(ms, std::nullopt);
            put_off_until_ms = put_off_until_ms == ms ? 0 : put_off_until_ms;
            ++let_through;
        }
    }
    CHECK(let_through < 10 * 5'500);
    CHECK(let_through > 10 * 4'000);
}

TEST_CASE("no write is put off for longer than half a second") {
    Throttle throttle;
    std::int64_t most_ms = 0;
    for (std::int64_t i = 0; i < 200'000; ++i) {
        most_ms = std::max(most_ms, throttle.admit(i / 100, 4'000));
    }
    CHECK(most_ms > 0);
    CHECK(most_ms <= Throttle::most_delay_ms);
}

}  // namespace bookstore::test
