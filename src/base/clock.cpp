#include "base/clock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <chrono>
#include <random>

namespace bookstore {
namespace {

struct Parts {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::seconds> time;
};

Parts parts_of(std::int64_t ms) {
    using namespace std::chrono;
    const auto instant = sys_seconds(floor<seconds>(milliseconds(ms)));
    const auto day = floor<days>(instant);
    return {year_month_day(day), hh_mm_ss<seconds>(instant - day)};
}

std::string format(const char* pattern, std::int64_t ms) {
    const auto [date, time] = parts_of(ms);
    return fmt::format(
        fmt::runtime(pattern),
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        time.hours().count(),
        time.minutes().count(),
        time.seconds().count()
    );
}

}  // namespace

std::int64_t SystemClock::now_ms() const {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t SystemClock::steady_ms() const {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string SystemRandom::uuid() {
    thread_local boost::uuids::random_generator generator;
    return boost::uuids::to_string(generator());
}

std::int64_t SystemRandom::below(std::int64_t bound) {
    thread_local std::mt19937_64 engine(std::random_device{}());
    return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(engine);
}

std::string event_timestamp(std::int64_t wall_ms) {
    // The text has no more than seconds, and events come many a second.
    thread_local std::int64_t second = -1;
    thread_local std::string text;
    if (wall_ms / 1000 != second) {
        text = format("{:04}{:02}{:02}{:02}{:02}{:02}", wall_ms);
        second = wall_ms / 1000;
    }
    return text;
}

std::string iso_timestamp(std::int64_t wall_ms) {
    return format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", wall_ms);
}

std::string iso_milliseconds(std::int64_t wall_ms) {
    const std::int64_t ms = (wall_ms % 1000 + 1000) % 1000;  // of times before 1970 too
    return format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", wall_ms) + fmt::format(".{:03}", ms);
}

std::int64_t backoff_ms(
    std::int64_t attempt, std::int64_t first_ms, std::int64_t most_ms, Random& random
) {
    std::int64_t wait = first_ms;
    for (std::int64_t i = 1; i < attempt && wait < most_ms; ++i) {
        wait *= 2;
    }
    wait = std::min(wait, most_ms);
    return wait / 2 + random.below(wait / 2 + 1);
}

}  // namespace bookstore
