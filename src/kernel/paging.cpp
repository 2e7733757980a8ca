#include "kernel/paging.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/command.hpp"
#include "kernel/fields.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {
namespace {

std::int64_t one_number(storage::Connection& db, const storage::Sql& sql) {
    auto statement = db.prepare(sql);
    return statement.step() ? statement.integer(0) : 0;
}

std::int64_t one_number(
    storage::Connection& db, const storage::Sql& sql, std::int64_t a, std::int64_t b
) {
    auto statement = db.prepare(sql);
    statement.bind(a, b);
    return statement.step() ? statement.integer(0) : 0;
}

std::string order_by(const SortOrder& order, std::string_view direction) {
    std::string text = " ORDER BY ";
    for (const std::string_view column : order.columns) {
        text += fmt::format("{}{}, ", column, direction);
    }
    text.resize(text.size() - 2);
    return text;
}

/// How far a page is from either end.
struct Place {
    std::int64_t rows = 0;  ///< on it
    std::int64_t front = 0;
    std::int64_t back = 0;

    Place(std::int64_t offset, std::int64_t size, std::int64_t total)
        : rows(std::clamp<std::int64_t>(total - offset, 0, size)),
          front(offset),
          back(total - offset - rows) {}

    bool reachable() const { return rows == 0 || std::min(front, back) <= SortedRows::max_offset; }
};

http::Problem too_far(const http::Request& request, const Resource& resource) {
    return bad_parameter(
        "page",
        request.parameter("page"),
        fmt::format(
            "is too far from both ends for this order: at most {} rows from one of them; walk the "
            "whole in the order of ids (/{}?sort={})",
            SortedRows::max_offset,
            resource.collection,
            resource.id
        )
    );
}

}  // namespace

// ---- other orders than the ids'

SortedRows::SortedRows(std::string_view file, const std::string& select, const SortOrder& order)
    : ascending_(file, select + order_by(order, "") + " LIMIT ?1 OFFSET ?2"),
      descending_(file, select + order_by(order, " DESC") + " LIMIT ?1 OFFSET ?2") {}

http::Answer SortedRows::answer(
    const http::Request& request,
    const Resource& resource,
    storage::Connection& db,
    const Page& page,
    std::int64_t total,
    const AddRow& add
) const {
    const Place place(page.offset(), page.size, total);
    if (!place.reachable()) {
        return too_far(request, resource);
    }
    CollectionWriter writer(request, resource);
    if (place.rows > 0) {
        const bool from_back = place.back < place.front;
        auto rows = db.prepare(from_back == page.descending ? ascending_ : descending_);
        rows.bind(place.rows, from_back ? place.back : place.front);
        while (rows.step()) {
            add(writer, rows);
        }
        if (from_back) {
            writer.reverse();
        }
    }
    return std::move(writer).finish(page, total, [&](std::int64_t number) {
        return Place(number * page.size, page.size, total).reachable();
    });
}

Pages::Pages(
    std::string_view file,
    const std::string& select,
    std::string_view id_property,
    const std::vector<SortOrder>& orders
)
    : sortable_{id_property} {
    for (const SortOrder& order : orders) {
        sortable_.push_back(order.property);
        sorted_.push_back(std::make_unique<const SortedRows>(file, select, order));
    }
}

http::Answer Pages::answer(
    const http::Request& request,
    const Resource& resource,
    storage::Connection& db,
    const AddRow& add
) const {
    auto page = read_page(request, sortable_);
    if (!page) {
        return std::move(page.error());
    }
    const std::int64_t rows = total(db);
    if (page->sort > 0) {
        return sorted_[page->sort - 1]->answer(request, resource, db, *page, rows, add);
    }
    CollectionWriter writer(request, resource);
    if (page->offset() < rows) {
        add_rows(db, *page, rows, [&](storage::Statement& row) { add(writer, row); });
    }
    return std::move(writer).finish(*page, rows);
}

// ---- whole tables

TablePages::TablePages(
    std::string_view file,
    const std::string& select,
    std::string_view id,
    std::string_view table,
    std::string_view id_property,
    const std::vector<SortOrder>& orders
)
    : Pages(file, select, id_property, orders),
      ascending_(file, fmt::format("{} WHERE {} > ?1 ORDER BY {} LIMIT ?2", select, id, id)),
      descending_(file, fmt::format("{} WHERE {} <= ?1 ORDER BY {} DESC LIMIT ?2", select, id, id)),
      newest_(file, fmt::format("SELECT max(id) FROM {}", table)) {}

std::int64_t TablePages::total(storage::Connection& db) const {
    return one_number(db, newest_);
}

void TablePages::add_rows(
    storage::Connection& db,
    const Page& page,
    std::int64_t total,
    const std::function<void(storage::Statement&)>& add
) const {
    auto rows = db.prepare(page.descending ? descending_ : ascending_);
    rows.bind(page.descending ? total - page.offset() : page.offset(), page.size);
    while (rows.step()) {
        add(rows);
    }
}

// ---- tables with marks

DeletablePages::DeletablePages(
    std::string_view file,
    const std::string& select,
    std::string_view table,
    std::string_view id_property,
    const std::vector<SortOrder>& orders
)
    : Pages(file, select + " WHERE NOT deleted", id_property, orders),
      ascending_(file, select + " WHERE id >= ?1 AND NOT deleted ORDER BY id LIMIT ?2"),
      descending_(file, select + " WHERE id <= ?1 AND NOT deleted ORDER BY id DESC LIMIT ?2"),
      newest_(file, fmt::format("SELECT max(id) FROM {}", table)),
      deleted_(file, fmt::format("SELECT sum(count) FROM {}_deleted", table)),
      blocks_(file, fmt::format("SELECT block, count FROM {}_deleted ORDER BY block", table)),
      in_block_(
          file,
          fmt::format(
              "SELECT id FROM {} WHERE id > ?1 AND NOT deleted ORDER BY id LIMIT 1 OFFSET ?2", table
          )
      ),
      count_(
          file,
          fmt::format(
              "INSERT INTO {}_deleted(block, count) VALUES (?1, 1) "
              "ON CONFLICT (block) DO UPDATE SET count = count + 1",
              table
          )
      ) {}

void DeletablePages::count_deleted(storage::Connection& db, std::int64_t id) const {
    db.prepare(count_).bind((id - 1) / block_size).run();
}

std::int64_t DeletablePages::total(storage::Connection& db) const {
    return one_number(db, newest_) - one_number(db, deleted_);
}

/// The id of the row that has `rank` rows before it in id order. Only blocks with deleted rows are
/// looked at; between them ids are contiguous.
std::int64_t DeletablePages::id_of_rank(storage::Connection& db, std::int64_t rank) const {
    std::int64_t deleted = 0;  // before the block
    auto blocks = db.prepare(blocks_);
    while (blocks.step()) {
        const std::int64_t first = blocks.integer(0) * block_size;
        const std::int64_t before = first - deleted;
        if (rank < before) {
            break;
        }
        if (rank < before + block_size - blocks.integer(1)) {
            return one_number(db, in_block_, first, rank - before);
        }
        deleted += blocks.integer(1);
    }
    return rank + deleted + 1;
}

void DeletablePages::add_rows(
    storage::Connection& db,
    const Page& page,
    std::int64_t total,
    const std::function<void(storage::Statement&)>& add
) const {
    const std::int64_t rank = page.descending ? total - 1 - page.offset() : page.offset();
    const std::int64_t first = id_of_rank(db, rank);
    auto rows = db.prepare(page.descending ? descending_ : ascending_);
    rows.bind(first, page.size);
    while (rows.step()) {
        add(rows);
    }
}

// ---- finders

FinderPages::FinderPages(
    std::string_view file,
    const std::string& select,
    std::string_view column,
    std::string_view number,
    std::string_view table,
    std::string_view id_property,
    std::string_view value_property
)
    : sortable_{id_property},
      ascending_(
          file,
          fmt::format(
              "{0} WHERE {1} = ?1 AND {2} > ?2 ORDER BY {2} LIMIT ?3", select, column, number
          )
      ),
      descending_(
          file,
          fmt::format(
              "{0} WHERE {1} = ?1 AND {2} <= ?2 ORDER BY {2} DESC LIMIT ?3", select, column, number
          )
      ),
      total_(
          file,
          fmt::format(
              "SELECT max({0}) FROM {1} WHERE {2} = ?1 AND {0} > 0",
              number.substr(number.find('.') + 1),  // npos + 1 is 0
              table,
              column.substr(column.find('.') + 1)
          )
      ) {
    if (!value_property.empty()) {
        sortable_.push_back(value_property);
    }
}

http::Answer FinderPages::answer(
    const http::Request& request,
    const Resource& resource,
    storage::Connection& db,
    std::int64_t value,
    const AddRow& add
) const {
    auto page = read_page(request, sortable_);
    if (!page) {
        return std::move(page.error());
    }
    auto newest = db.prepare(total_);
    newest.bind(value);
    const std::int64_t total = newest.step() ? newest.integer(0) : 0;
    CollectionWriter writer(request, resource);
    if (page->offset() < total) {
        auto rows = db.prepare(page->descending ? descending_ : ascending_);
        rows.bind(value, page->descending ? total - page->offset() : page->offset(), page->size);
        while (rows.step()) {
            add(writer, rows);
        }
    }
    return std::move(writer).finish(*page, total);
}

}  // namespace bookstore::kernel
