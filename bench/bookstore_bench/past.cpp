#include "past.hpp"

#include <fmt/format.h>

#include <cmath>

namespace bookstore::bench {
namespace {

/// What a number is for: each use has a sequence of its own.
enum class Use : std::uint64_t {
    customer,
    book,
    quantity,
    amount,
    key,
    key_end,
    customer_name,
    book_name,
    stock,
    deleted_customer,
    deleted_book,
};

/// Looks random, and is always the same (splitmix64's mixing).
std::uint64_t mixed(Use use, std::int64_t id) {
    std::uint64_t x = static_cast<std::uint64_t>(id) * 0x9e3779b97f4a7c15U +
                      static_cast<std::uint64_t>(use) * 0xd1b54a32d192ed03U;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

/// From 0 to bound - 1.
std::int64_t below(std::int64_t bound, Use use, std::int64_t id) {
    return static_cast<std::int64_t>(mixed(use, id) % static_cast<std::uint64_t>(bound));
}

bool chosen(double share, Use use, std::int64_t id) {
    constexpr std::int64_t parts = 1'000'000;
    return static_cast<double>(below(parts, use, id)) < share * static_cast<double>(parts);
}

}  // namespace

/// Exactly that share is customer 1's, evenly spread; the others are anybody else's.
std::int64_t Past::customer_of(std::int64_t order) const {
    const auto big_until = [this](std::int64_t id) {
        return std::floor(static_cast<double>(id) * size_.big_customer_share);
    };
    if (size_.customers == 1 || big_until(order) > big_until(order - 1)) {
        return 1;
    }
    return 2 + below(size_.customers - 1, Use::customer, order);
}

std::int64_t Past::book_of(std::int64_t order) const {
    return 1 + below(size_.books, Use::book, order);
}

std::int64_t Past::quantity_of(std::int64_t order) const {
    return 1 + below(3, Use::quantity, order);
}

std::int64_t Past::cents_of(std::int64_t order) const {
    return 1 + below(10'000'000, Use::amount, order);
}

std::string Past::address_of(std::int64_t order) const {
    return fmt::format("busan si {}", order);
}

std::string Past::payment_key_of(std::int64_t order) const {
    const std::uint64_t a = mixed(Use::key, order);
    const std::uint64_t b = mixed(Use::key_end, order);
    return fmt::format(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32U,
        (a >> 16U) & 0xffffU,
        a & 0xfffU,
        (b >> 48U) % 0x4000U + 0x8000U,
        b & 0xffff'ffff'ffffU
    );
}

std::string Past::customer_name(std::int64_t id) const {
    return fmt::format("Kim {:07}", below(size_.customers, Use::customer_name, id));
}

std::string Past::book_name(std::int64_t id) const {
    return fmt::format("DDD, volume {:07}", below(size_.books, Use::book_name, id));
}

std::int64_t Past::stock_of(std::int64_t book) const {
    return 1 + below(1000, Use::stock, book);
}

bool Past::customer_deleted(std::int64_t id) const {
    return id > 1 && chosen(size_.deleted_share, Use::deleted_customer, id);
}

bool Past::book_deleted(std::int64_t id) const {
    return id > 1 && chosen(size_.deleted_share, Use::deleted_book, id);
}

std::int64_t Past::opened_ms() const {
    return 1'735'689'600'000;  // 2025-01-01
}

std::int64_t Past::ordered_ms(std::int64_t order) const {
    return opened_ms() + order * 1000;
}

}  // namespace bookstore::bench
