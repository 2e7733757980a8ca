#include "host/offline_partition.hpp"

#include <memory>
#include <optional>

#include "bus/mirror_table.hpp"
#include "bus/offline_pipe.hpp"
#include "storage/connection.hpp"

namespace bookstore::host {

PartitionOptions offline_partition(const std::string& directory) {
    storage::Connection db(directory + "/topic.db", storage::Connection::Mode::read_only);
    if (!db.query_text("SELECT name FROM sqlite_master WHERE name = 'partition'")) {
        return {};  // it is not migrated yet
    }
    const auto read_to = bus::MirrorTable::read_to(db);
    if (!read_to) {
        return {};
    }
    PartitionOptions options;
    options.topic = read_to->topic;
    options.pipe = [read_to =
                        *read_to](const std::function<void()>&) -> std::unique_ptr<bus::Pipe> {
        return std::make_unique<bus::OfflinePipe>(read_to);
    };
    return options;
}

}  // namespace bookstore::host
