#pragma once

#include <cstdint>
#include <string>

namespace bookstore::bench {

/// How much there is.
struct Size {
    std::int64_t orders = 1000;
    std::int64_t customers = 1000;
    std::int64_t books = 1000;
    double big_customer_share = 0.2;  ///< of the orders that are customer 1's
    double deleted_share = 0.1;       ///< of customers and of books; never the first one
};

/// What happened in a bookshop all of whose orders are settled: a function of the size alone, so
/// that each file can be filled by itself and agrees with the others. Ids count from 1.
class Past {
  public:
    explicit Past(Size size) : size_(size) {}

    const Size& size() const { return size_; }

    std::int64_t customer_of(std::int64_t order) const;
    std::int64_t book_of(std::int64_t order) const;
    std::int64_t quantity_of(std::int64_t order) const;
    std::int64_t cents_of(std::int64_t order) const;
    std::string address_of(std::int64_t order) const;
    /// The key that went to VAN with its payment.
    std::string payment_key_of(std::int64_t order) const;

    /// Some have the same.
    std::string customer_name(std::int64_t id) const;
    std::string book_name(std::int64_t id) const;
    /// What is left of it, at least 1.
    std::int64_t stock_of(std::int64_t book) const;
    bool customer_deleted(std::int64_t id) const;
    bool book_deleted(std::int64_t id) const;

    /// First the customers and books came, then the orders one by one, then some were deleted.
    std::int64_t opened_ms() const;
    std::int64_t ordered_ms(std::int64_t order) const;
    std::int64_t closed_ms() const { return ordered_ms(size_.orders + 1); }

  private:
    Size size_;
};

}  // namespace bookstore::bench
