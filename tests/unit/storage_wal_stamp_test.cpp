#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "storage/copy.hpp"
#include "storage/database.hpp"
#include "storage/error.hpp"

// A WAL and the file beside it: which of them belong together.

namespace bookstore::test {
namespace {

namespace fs = std::filesystem;

/// A database on the real file system, which may be killed.
class Shop {
  public:
    Shop() {
        std::string path = fs::temp_directory_path().string() + "/bookstore-stamp-XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        place_ = path;
        fs::create_directory(data());
        open();
    }
    ~Shop() {
        database_.reset();
        fs::remove_all(place_);
    }
    Shop(const Shop&) = delete;
    Shop& operator=(const Shop&) = delete;

    void open() {
        database_ = std::make_unique<storage::Database>(
            storage::Database::Options{.path = file(), .vfs = {}, .migrations = {"bus"}, .ring = {}}
        );
    }
    void wrote(const std::string& name) {
        database_->writer().submit(
            {.durable = true,
             .run =
                 [name](storage::Connection& db) {
                     db.execute(
                         "INSERT INTO subscription(name, position) VALUES ('" + name + "', 1)"
                     );
                     return true;
                 },
             .done = [](const storage::Outcome& outcome
                     ) { REQUIRE(outcome.kind == storage::Outcome::Kind::committed); }}
        );
        while (database_->writer().step()) {
        }
    }
    /// The WAL is moved into the file; the next transaction begins it anew.
    void checkpointed() { database_->writer().idle(); }
    void stopped() { database_.reset(); }
    /// The files stay as they are now, and nobody has them open.
    void killed() {
        copied_to("now");
        database_.reset();
        fs::remove_all(data());
        fs::rename(place_ / "now", data());
    }
    /// Every file as it is, by cp.
    void copied_to(const std::string& name) { fs::copy(data(), place_ / name); }
    /// As `backup` does it.
    void backed_up_to(const std::string& name) {
        fs::create_directory(place_ / name);
        const storage::Reader reader = database_->read();
        const std::string to = place_ / name / "bus.db";
        REQUIRE(storage::copy_database(*reader, to, [] { return true; }));
    }
    /// cp -a NAME/. data/: what is not in that directory stays.
    void copied_back_from(const std::string& name) {
        fs::copy(
            place_ / name,
            data(),
            fs::copy_options::overwrite_existing | fs::copy_options::recursive
        );
    }
    void removed_wal() {
        fs::remove(file() + "-wal");
        fs::remove(file() + "-shm");
    }
    /// Why it cannot be opened; empty when it was.
    std::string refused() {
        try {
            open();
            return {};
        } catch (const storage::Refused& refused) {
            return refused.what();
        }
    }
    /// What was written, in the order of the names: "a b".
    std::string rows() {
        const storage::Reader reader = database_->read();
        return reader
            ->query_text(
                "SELECT coalesce(group_concat(name, ' '), '') FROM "
                "(SELECT name FROM subscription ORDER BY name)"
            )
            .value();
    }
    std::string integrity() {
        return database_->writer().connection().query_text("PRAGMA integrity_check").value();
    }
    fs::path data() const { return place_ / "data"; }
    std::string file() const { return data() / "bus.db"; }

  private:
    fs::path place_;
    std::unique_ptr<storage::Database> database_;
};

}  // namespace

TEST_CASE("after a kill a file goes on with its own WAL, whatever of it was moved") {
    Shop shop;
    std::string rows;
    for (const char* const name : {"a", "b", "c", "d"}) {
        shop.wrote(name);
        shop.killed();
        REQUIRE(shop.refused() == "");
        shop.wrote(std::string(name) + "1");
        shop.checkpointed();
        shop.killed();
        REQUIRE(shop.refused() == "");
        shop.checkpointed();
        shop.wrote(std::string(name) + "2");
        rows += std::string(rows.empty() ? "" : " ") + name + " " + name + "1 " + name + "2";
        CHECK(shop.rows() == rows);
    }
    CHECK(shop.integrity() == "ok");
}

TEST_CASE("a backup copied over a file whose WAL stayed is refused, and opens without it") {
    for (const bool same_wal : {true, false}) {
        CAPTURE(same_wal);
        Shop shop;
        shop.wrote("a");
        shop.backed_up_to("backup");
        if (!same_wal) {
            shop.checkpointed();
        }
        shop.wrote("b");
        shop.killed();
        REQUIRE(fs::file_size(shop.file() + "-wal") > 0);
        shop.copied_back_from("backup");
        const auto wal = fs::file_size(shop.file() + "-wal");
        const std::string why = shop.refused();
        CHECK_MESSAGE(why.find("bus.db-wal does not belong to") != std::string::npos, why);
        CHECK_MESSAGE(why.find("rm '" + shop.data().string()) != std::string::npos, why);
        CHECK(fs::file_size(shop.file() + "-wal") == wal);
        shop.removed_wal();
        REQUIRE(shop.refused() == "");
        CHECK(shop.rows() == "a");
        CHECK(shop.integrity() == "ok");
        // And has a WAL of its own from then on.
        shop.wrote("c");
        shop.killed();
        REQUIRE(shop.refused() == "");
        CHECK(shop.rows() == "a c");
    }
}

TEST_CASE("files of a stopped process copied over those of a killed one are refused") {
    Shop shop;
    shop.wrote("a");
    shop.stopped();
    shop.copied_to("old");
    shop.open();
    shop.wrote("b");
    shop.checkpointed();
    shop.wrote("c");
    shop.killed();
    shop.copied_back_from("old");
    CHECK(shop.refused().find("does not belong") != std::string::npos);
    shop.removed_wal();
    REQUIRE(shop.refused() == "");
    CHECK(shop.rows() == "a");
}

TEST_CASE("a directory copied with its WAL goes on with it") {
    Shop shop;
    shop.wrote("a");
    shop.checkpointed();
    shop.wrote("b");
    shop.copied_to("copy");
    shop.wrote("c");
    shop.stopped();
    fs::remove_all(shop.data());
    fs::create_directory(shop.data());
    shop.copied_back_from("copy");
    REQUIRE(shop.refused() == "");
    CHECK(shop.rows() == "a b");
}

}  // namespace bookstore::test
