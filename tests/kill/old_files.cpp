#include "old_files.hpp"

#include <filesystem>
#include <vector>

#include "storage/connection.hpp"
#include "storage/migrations.hpp"

namespace bookstore::test {
namespace {

/// The first of every source.
std::vector<storage::Migration> first_migrations() {
    std::vector<storage::Migration> first;
    for (const storage::Migration& migration : storage::embedded_migrations()) {
        if (migration.number == 1) {
            first.push_back(migration);
        }
    }
    return first;
}

}  // namespace

void make_old_files(const std::string& data_dir) {
    std::filesystem::create_directories(data_dir);
    const auto migrations = first_migrations();
    for (const storage::Migration& of_file : migrations) {
        const std::string name(of_file.source);
        if (name == "bus") {
            continue;  // it is part of every context's file
        }
        const std::string path = data_dir + "/" + name + ".db";
        storage::Connection file(path, storage::Connection::Mode::read_write);
        file.execute("PRAGMA journal_mode = WAL");
        std::vector<std::string> sources{"bus", name};
        if (name == "topic") {
            sources = {name};
        }
        storage::migrate(file, name + ".db", sources, 1, migrations);
    }
}

}  // namespace bookstore::test
