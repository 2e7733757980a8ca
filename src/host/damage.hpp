#pragma once

#include <string>

#include "kernel/context.hpp"
#include "storage/connection.hpp"

namespace bookstore::host {

/// What a file of a data directory is to whoever finds it damaged.
struct FileRole {
    std::string name;   ///< "order": of order.db
    std::string holds;  ///< "the orders"
    bool from_events_alone = false;

    FileRole(std::string file, std::string what) : name(std::move(file)), holds(std::move(what)) {}
    FileRole(const kernel::Context& context)
        : name(context.name), holds(context.holds), from_events_alone(context.from_events_alone) {}
};

inline const FileRole topic_file{"topic", "the log of all events"};

/// Throws storage::Refused when the error says that it is this file that is damaged: with what it
/// holds, and the way out.
void throw_if_damaged(
    const std::string& data_dir, const FileRole& file, const storage::Error& error
);

/// Reads the schema and the root of every table, so that a file that is damaged there is known
/// before anything is done with it. Throws storage::Error. The whole of it is `bookstore check`'s.
void read_roots(storage::Connection& db);

/// What `open` returns, which may not be movable; a damaged file is refused.
template <class Open>
auto opened(const std::string& data_dir, const FileRole& file, Open open) {
    try {
        return open();
    } catch (const storage::Error& error) {
        throw_if_damaged(data_dir, file, error);
        throw;
    }
}

}  // namespace bookstore::host
