#include "simulation/tally.hpp"

#include <fmt/format.h>

namespace bookstore::test {
namespace {

struct Count {
    const char* name;
    std::int64_t Tally::* member;
};

constexpr Count counts[] = {
    {"steps", &Tally::steps},
    {"crashes", &Tally::crashes},
    {"disk faults", &Tally::faults},
    {"read faults", &Tally::read_faults},
    {"damaged pages", &Tally::damages},
    {"reads of them", &Tally::damaged_reads},
    {"outages of one file", &Tally::outages},
    {"files of another moment", &Tally::mixed},
    {"refused starts", &Tally::refused},
    {"orders", &Tally::orders},
    {"cancels", &Tally::cancels},
    {"handler failures", &Tally::held},
    {"parked", &Tally::parked},
    {"skipped", &Tally::skipped},
    {"clock steps", &Tally::clock_steps},
    {"stops", &Tally::stops},
    {"rebuilds", &Tally::rebuilds},
    {"events", &Tally::events},
};

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
    for (const Count& count : counts) {
        this->*count.member += other.*count.member;
    }
    return *this;
}

std::string Tally::text() const {
    std::string text;
    for (const Count& count : counts) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", this->*count.member, count.name);
    }
    return text;
}

}  // namespace bookstore::test
