#pragma once

#include <cstdint>
#include <string>

#include "bus/subscription.hpp"
#include "storage/connection.hpp"

namespace bookstore::kernel {

/// The tables of a read model beside the one that is served, TABLE: the second one that a rebuild
/// makes, TABLE_rebuild, and the base that is kept of it, TABLE_base. With them go the cursors and
/// held events of the subscription that writes into the second one. Each function is part of a
/// transaction of its caller.
class RebuildTables {
  public:
    /// `name` is the read model's.
    RebuildTables(std::string name, std::string table)
        : name_(std::move(name)), table_(std::move(table)) {}

    /// An empty TABLE_rebuild, as TABLE is.
    static void create_second(storage::Connection& db, const std::string& table);
    void create_second(storage::Connection& db) const { create_second(db, table_); }
    bool has_second(storage::Connection& db) const;
    void drop_second(storage::Connection& db) const;
    /// The second one is served from now on.
    void serve_second(storage::Connection& db) const;

    bool has_base(storage::Connection& db) const;
    /// There is none, or it has the columns of TABLE.
    bool is_base_up_to_date(storage::Connection& db) const;
    /// A base that is older than a column of TABLE gets it, without a value.
    void bring_base_up_to_date(storage::Connection& db) const;
    /// From where on a rebuild would need the log; 0 without a base.
    std::int64_t base_position(storage::Connection& db) const;
    /// The second table is the base, which is being brought further.
    bool is_base_under_way(storage::Connection& db) const;
    /// The base, or an empty table without one, becomes the second table, to be brought further.
    void open_base(storage::Connection& db, const bus::Subscription& second) const;
    /// The second table, brought further, is the base again. Once more does no harm: the last
    /// attempt may have been written though it failed.
    void close_base(storage::Connection& db, const bus::Subscription& second) const;
    /// Copies the base's next rows into the second table, and behind the last ones its cursor and
    /// what it holds; false: that was all.
    bool copy_base(storage::Connection& db, const bus::Subscription& second) const;

  private:
    std::string second() const { return table_ + "_rebuild"; }
    std::string base() const { return table_ + "_base"; }
    /// Names in the table of cursors: the base's own; and the mark, at 1, of a base under way.
    std::string base_cursor() const { return name_ + ".base"; }
    std::string base_under_way() const { return name_ + ".base-under-way"; }

    std::string name_;
    std::string table_;
};

}  // namespace bookstore::kernel
