#pragma once

#include <stdexcept>
#include <string>

#include "support/sqlite_reader.hpp"

namespace bookstore::test {

/// Writes two events of one key, that no handler can read, at the begin of a log that is empty.
/// Nobody may hold the directory.
inline void break_log(const std::string& data_dir) {
    Sqlite topic(data_dir + "/topic.db", Sqlite::Mode::write);
    if (topic.number("SELECT count(*) FROM event") != 0) {
        throw std::runtime_error("the log is not empty");
    }
    for (const std::string payload : {"{broken", "{\"eventType\":\"Payed\"}"}) {
        topic.run(
            "INSERT INTO event(type, source, source_position, key, time, trace, payload) "
            "VALUES ('Payed', 'payment', 1, 'order-1000', 1600000000000, '', '" +
            payload + "')"
        );
    }
}

}  // namespace bookstore::test
