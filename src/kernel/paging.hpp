#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/command.hpp"
#include "kernel/hal.hpp"
#include "kernel/module.hpp"

namespace bookstore::kernel {

/// Writes the statement's current row into the collection.
using AddRow = std::function<void(CollectionWriter&, storage::Statement&)>;

/// The pages of a whole table in id order. Rows are never removed and ids are contiguous from 1, so
/// a page is a seek and the total is the last id.
class TablePages {
  public:
    /// `select` is "SELECT columns FROM table ..." without WHERE; `id` the column, qualified if the
    /// select joins; `table` what the newest id is asked of.
    TablePages(
        std::string_view file,
        const std::string& select,
        std::string_view id,
        std::string_view table
    );

    http::Answer answer(
        const http::Request& request,
        const Resource& resource,
        storage::Connection& db,
        const AddRow& add
    ) const;

  private:
    friend class DeletablePages;
    http::Response seek(
        const http::Request& request,
        const Resource& resource,
        storage::Connection& db,
        const Page& page,
        const AddRow& add
    ) const;

    storage::Sql ascending_;
    storage::Sql descending_;
    storage::Sql newest_;
};

/// The same for a table whose rows can be marked `deleted`, with a table TABLE_deleted(count). Once
/// one was deleted, ids have gaps and a page is found by OFFSET.
class DeletablePages {
  public:
    DeletablePages(
        std::string_view file,
        const std::string& select,
        std::string_view id,
        std::string_view table
    );

    http::Answer answer(
        const http::Request& request,
        const Resource& resource,
        storage::Connection& db,
        const AddRow& add
    ) const;

  private:
    TablePages whole_;
    storage::Sql ascending_;
    storage::Sql descending_;
    storage::Sql deleted_;
};

/// The pages of the rows that a finder's parameter selects, in id order; there is an index on
/// (column, id).
class FinderPages {
  public:
    FinderPages(
        std::string_view file,
        const std::string& select,
        std::string_view column,
        std::string_view id,
        std::string_view table
    );

    http::Answer answer(
        const http::Request& request,
        const Resource& resource,
        storage::Connection& db,
        std::int64_t value,
        const AddRow& add
    ) const;

  private:
    storage::Sql ascending_;
    storage::Sql descending_;
    storage::Sql count_;
};

/// A finder as /<collection>/search lists it.
struct Finder {
    std::string_view name;        ///< "findByCustomerId"
    std::string_view parameters;  ///< "{?customerId,page,size,sort}"
};

/// Adds GET /<collection>/search.
void add_search(Module& module, const Resource& resource, std::vector<Finder> finders);

}  // namespace bookstore::kernel
