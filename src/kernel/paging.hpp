#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/hal.hpp"
#include "storage/connection.hpp"

// Pages of collections. In id order, and in a finder, a page is a seek and the total is known; in
// any other order it is read from the nearer end, and refused when it is far from both.

namespace bookstore::kernel {

/// Writes the statement's current row into the collection.
using AddRow = std::function<void(CollectionWriter&, storage::Statement&)>;

/// An order that a collection offers beside its ids'. There is an index on these columns.
struct SortOrder {
    std::string_view property;  ///< what `sort` calls it
    /// The sorted column, then one that breaks ties: the id, or one that grows with it.
    std::vector<std::string_view> columns;
};

/// Rows in the order of an index, found by OFFSET from the nearer end.
class SortedRows {
  public:
    /// Farther from both ends a page is refused: passing over a row takes some 40 ns.
    static constexpr std::int64_t max_offset = 100'000;

    SortedRows(std::string_view file, const std::string& select, const SortOrder& order);

    http::Answer answer(
        const http::Request& request,
        const Resource& resource,
        storage::Connection& db,
        const Page& page,
        std::int64_t total,
        const AddRow& add
    ) const;

  private:
    storage::Sql ascending_;
    storage::Sql descending_;
};

/// The pages of a whole collection.
class Pages {
  public:
    virtual ~Pages() = default;

    /// The page that the request asks for, or why there is none.
    http::Answer answer(
        const http::Request& request,
        const Resource& resource,
        storage::Connection& db,
        const AddRow& add
    ) const;

    /// What `sort` may name: the id first.
    const std::vector<std::string_view>& sortable() const { return sortable_; }

  protected:
    Pages(
        std::string_view file,
        const std::string& select,
        std::string_view id_property,
        const std::vector<SortOrder>& orders
    );

  private:
    virtual std::int64_t total(storage::Connection& db) const = 0;
    /// Adds the rows from `offset` on, which is below the total, in id order.
    virtual void add_rows(
        storage::Connection& db,
        const Page& page,
        std::int64_t total,
        const std::function<void(storage::Statement&)>& add
    ) const = 0;

    std::vector<std::string_view> sortable_;
    std::vector<std::unique_ptr<const SortedRows>> sorted_;
};

/// Of a table whose rows are never removed: ids are contiguous from 1, so a page in id order is a
/// seek and the total is the last id.
class TablePages final : public Pages {
  public:
    /// `select` is "SELECT columns FROM table ..." without WHERE; `id` the column, qualified if the
    /// select joins; `table` what the newest id is asked of; `id_property` what `sort` calls it.
    TablePages(
        std::string_view file,
        const std::string& select,
        std::string_view id,
        std::string_view table,
        std::string_view id_property,
        const std::vector<SortOrder>& orders = {}
    );

  private:
    std::int64_t total(storage::Connection& db) const override;
    void add_rows(
        storage::Connection& db,
        const Page& page,
        std::int64_t total,
        const std::function<void(storage::Statement&)>& add
    ) const override;

    storage::Sql ascending_;
    storage::Sql descending_;
    storage::Sql newest_;
};

/// Of a table whose rows can be marked `deleted`. TABLE_deleted(block, count) says how many are in
/// each block of ids, so that the row of a rank is found without counting rows.
class DeletablePages final : public Pages {
  public:
    DeletablePages(
        std::string_view file,
        const std::string& select,
        std::string_view table,
        std::string_view id_property,
        const std::vector<SortOrder>& orders
    );

    /// To be called in the transaction that marks the row as deleted.
    void count_deleted(storage::Connection& db, std::int64_t id) const;

  private:
    static constexpr std::int64_t block_size = 1024;  ///< as in the migrations

    std::int64_t total(storage::Connection& db) const override;
    void add_rows(
        storage::Connection& db,
        const Page& page,
        std::int64_t total,
        const std::function<void(storage::Statement&)>& add
    ) const override;
    std::int64_t id_of_rank(storage::Connection& db, std::int64_t rank) const;

    storage::Sql ascending_;
    storage::Sql descending_;
    storage::Sql newest_;
    storage::Sql deleted_;
    storage::Sql blocks_;
    storage::Sql in_block_;
    storage::Sql count_;
};

/// The rows that a finder's parameter selects, in id order. Each has a number among those with its
/// value, from 1 without gaps, and there is an index on (column, number): a page is a seek, and the
/// total is the newest one's number. (That it is above 0 lets the index leave out rows without
/// one.)
class FinderPages {
  public:
    /// `value_property` is what `sort` calls the column: it is the same in all rows, so that the
    /// ids decide. Empty: no item shows it.
    FinderPages(
        std::string_view file,
        const std::string& select,
        std::string_view column,
        std::string_view number,
        std::string_view table,
        std::string_view id_property,
        std::string_view value_property
    );

    http::Answer answer(
        const http::Request& request,
        const Resource& resource,
        storage::Connection& db,
        std::int64_t value,
        const AddRow& add
    ) const;

    const std::vector<std::string_view>& sortable() const { return sortable_; }

  private:
    std::vector<std::string_view> sortable_;
    storage::Sql ascending_;
    storage::Sql descending_;
    storage::Sql total_;
};

}  // namespace bookstore::kernel
