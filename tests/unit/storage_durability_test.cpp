#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "support/seeds.hpp"
#include "support/storage_fixture.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

constexpr std::size_t mib = 1024 * 1024;

/// "1 2 3": the notes 1 to n.
std::string counted_to(int n) {
    std::string all;
    for (int i = 1; i <= n; ++i) {
        all += (i == 1 ? "" : " ") + std::to_string(i);
    }
    return all;
}

}  // namespace

TEST_CASE_FIXTURE(
    StorageFixture, "a commit that must last is synced, one that can be replayed is not"
) {
    wrote("first");
    const int before = wal_syncs();
    wrote("a", false);
    wrote("b", false);
    CHECK(wal_syncs() == before);
    CHECK(notes() == "first a b");
    wrote("c", true);
    CHECK(wal_syncs() == before + 1);
    note("d", false);
    note("e", true);
    step();
    CHECK(wal_syncs() == before + 2);
}

TEST_CASE_FIXTURE(
    StorageFixture,
    "after a power loss a durable commit is there with all before it, what came later may be gone"
) {
    wrote("a", false);
    wrote("b", true);
    wrote("c", false);
    crash(Crash::power_loss);
    CHECK(notes() == "a b");
    CHECK(integrity() == "ok");
    wrote("d");
    CHECK(notes() == "a b d");
}

TEST_CASE_FIXTURE(StorageFixture, "after a crash of the process every commit is there") {
    wrote("a", false);
    wrote("b", true);
    wrote("c", false);
    note("d");
    crash(Crash::process);
    CHECK(notes() == "a b c");
    CHECK(outcome("d") == "not told");
}

TEST_CASE_FIXTURE(StorageFixture, "after a flush nothing depends on a commit that was not synced") {
    wrote("a", false);
    db->writer().flush();
    crash(Crash::power_loss);
    CHECK(notes() == "a");
}

TEST_CASE_FIXTURE(StorageFixture, "a clean close leaves one file with everything in it") {
    wrote("a", false);
    wrote("b", true);
    {
        const storage::Reader reader = db->read();
    }
    close();
    CHECK(vfs.files() == std::vector<std::string>{"notes.db"});
    vfs.crash(Crash::power_loss);
    vfs.restart();
    open();
    CHECK(notes() == "a b");
}

TEST_CASE(
    "after any torn power loss the file is a prefix of the commits and holds every durable one"
) {
    int lost = 0;
    for (std::uint64_t seed = 1; seed <= seeds(200); ++seed) {
        CAPTURE(seed);
        StorageFixture storage(seed);
        SeededRandom random(seed);
        int written = 0;
        int durable = 0;
        for (int round = 0; round < 3; ++round) {
            const auto commits = 1 + random.below(12);
            for (int i = 0; i < commits; ++i) {
                const bool must_last = random.one_in(4);
                storage.wrote(
                    std::to_string(++written),
                    must_last,
                    static_cast<std::size_t>(random.below(9000))
                );
                REQUIRE(storage.outcome(std::to_string(written)) == "committed");
                durable = must_last ? written : durable;
                if (random.one_in(6)) {
                    storage.db->writer().idle();
                }
            }
            storage.crash(random.one_in(5) ? Crash::power_loss : Crash::power_loss_torn);
            const std::string left = storage.notes();
            REQUIRE(storage.integrity() == "ok");
            REQUIRE(left.starts_with(counted_to(durable)));
            REQUIRE(counted_to(written).starts_with(left));
            const auto count = left.empty() ? 0 : 1 + std::ranges::count(left, ' ');
            lost += written - static_cast<int>(count);
            written = static_cast<int>(count);
            durable = written;  // it was recovered, hence it is read, hence it must not go again
            storage.db->writer().flush();
        }
    }
    CHECK(lost > 100);
}

TEST_CASE("a crash before any single write or sync of a commit leaves the commit or nothing of it"
) {
    for (const Crash kind : {Crash::process, Crash::power_loss, Crash::power_loss_torn}) {
        int committed = 0;
        int tried = 0;
        for (int at = 1; at < 60; ++at) {
            StorageFixture storage(static_cast<std::uint64_t>(at));
            storage.wrote("before", true);
            int count = 0;
            storage.vfs.before_write([&](FileOperation, const std::string&) {
                if (++count == at) {
                    storage.vfs.crash(kind);
                }
            });
            storage.note("a", true, 9000);
            storage.note("b", true);
            storage.step();
            storage.db->writer().flush();
            storage.vfs.before_write({});
            if (!storage.vfs.down()) {
                break;
            }
            ++tried;
            const bool told = storage.outcome("a") == "committed";
            storage.db.reset();
            storage.vfs.restart();
            storage.open();
            const std::string left = storage.notes();
            CHECK((left == "before" || left == "before a b"));
            CHECK((!told || left == "before a b"));
            CHECK(storage.integrity() == "ok");
            committed += told ? 1 : 0;
        }
        CHECK(tried >= 8);
        CHECK(committed >= 1);
        CHECK(committed < tried);
    }
}

TEST_CASE("what a failed sync has forgotten takes no later durable commit with it") {
    // A sync that fails may lose for good what it covered (Linux marks those pages clean). Commits
    // that were not synced stood before it in the same WAL.
    StorageFixture storage;
    storage.wrote("before");
    std::optional<storage::Reader> reader(std::in_place, *storage.db);  // it keeps the WAL in use
    CHECK(notes_in(**reader) == "before");
    storage.wrote("a", false);
    storage.vfs.fail(
        {.operation = FileOperation::sync,
         .code = SQLITE_IOERR_FSYNC,
         .file = "notes.db-wal",
         .forgets = true}
    );
    storage.wrote("b");
    CHECK(storage.outcome("b") == "unknown");
    storage.wrote("c");
    const bool acknowledged = storage.outcome("c") == "committed";
    storage.wrote("d");
    CHECK(storage.outcome("d") == "committed");
    reader.reset();
    storage.crash(Crash::power_loss);
    const std::string left = storage.notes();
    CAPTURE(left);
    CHECK(left.ends_with(acknowledged ? "c d" : "d"));
    CHECK(storage.integrity() == "ok");
}

TEST_CASE("what a failed sync forgot while the WAL was moved takes no commit with it") {
    for (const int skip : {0, 1}) {  // the sync of the WAL, then that of the file
        CAPTURE(skip);
        StorageFixture storage;
        storage.wrote("before");
        storage.notes();  // the pool's reader keeps the WAL in use
        storage.wrote("a", false);
        storage.vfs.fail(
            {.operation = FileOperation::sync,
             .code = SQLITE_IOERR_FSYNC,
             .skip = skip,
             .forgets = true}
        );
        storage.db->writer().idle();
        CHECK(storage.vfs.failed() == 1);
        storage.wrote("b");
        CHECK(storage.outcome("b") == "committed");
        storage.db->writer().idle();
        storage.wrote("c");
        storage.crash(Crash::power_loss);
        CHECK(storage.notes() == "before a b c");
        CHECK(storage.integrity() == "ok");
    }
}

namespace {

/// The notes without some of them.
std::string without(const std::string& notes, const std::set<std::string>& some) {
    std::string rest;
    std::istringstream in(notes);
    for (std::string note; in >> note;) {
        rest += some.contains(note) ? "" : note + " ";
    }
    return rest;
}

/// Writes at random, with failures at random, and knows what must be there after a crash.
struct Storm : StorageFixture {
    explicit Storm(std::uint64_t seed) : StorageFixture(seed), random(seed) {}

    SeededRandom random;
    int written = 0;
    std::set<std::string> unsettled;  ///< of unknown outcome, and nothing was committed after them
    std::vector<std::string> durable;

    void breaks_something() {
        const bool sync = random.one_in(2);
        const int codes[] = {SQLITE_IOERR_WRITE, SQLITE_FULL};
        vfs.fail(
            {.operation = sync ? FileOperation::sync : FileOperation::write,
             .code = sync ? SQLITE_IOERR_FSYNC : codes[random.below(2)],
             .skip = static_cast<int>(random.below(6)),
             .times = 1 + static_cast<int>(random.below(3)),
             .forgets = random.one_in(2)}
        );
    }

    void writes_a_batch() {
        std::vector<std::string> batch;
        const bool must_last = random.one_in(3);
        for (auto i = random.below(3); i >= 0; --i) {
            batch.push_back(std::to_string(++written));
            note(batch.back(), must_last, static_cast<std::size_t>(random.below(9000)));
        }
        step();
        if (outcome(batch.front()) == "committed") {
            unsettled.clear();
        }
        for (const std::string& text : batch) {
            REQUIRE(outcome(text) != "not told");
            REQUIRE(outcome(text) == outcome(batch.front()));
            if (outcome(text) == "unknown") {
                unsettled.insert(text);
            } else if (outcome(text) == "committed" && must_last) {
                durable.push_back(text);
            }
        }
    }

    void crashes() {
        const std::string seen = without(notes(), unsettled);
        const Crash kinds[] = {Crash::process, Crash::power_loss, Crash::power_loss_torn};
        const Crash kind = kinds[random.below(3)];
        crash(kind);
        const std::string left = without(notes(), unsettled);
        CAPTURE(seen);
        CAPTURE(left);
        REQUIRE(integrity() == "ok");
        REQUIRE(seen.starts_with(left));
        REQUIRE((kind != Crash::process || left == seen));
        for (const std::string& text : durable) {
            REQUIRE((" " + left).find(" " + text + " ") != std::string::npos);
        }
        unsettled.clear();
    }
};

}  // namespace

TEST_CASE(
    "whatever fails and crashes, acknowledged durable writes stay and the file is a prefix of what "
    "was seen"
) {
    int failed = 0;
    for (std::uint64_t seed = 1; seed <= seeds(300); ++seed) {
        CAPTURE(seed);
        Storm storm(seed);
        for (int i = 0; i < 40; ++i) {
            switch (storm.random.below(8)) {
                case 0:
                    storm.breaks_something();
                    break;
                case 1:
                    storm.vfs.clear_failures();
                    break;
                case 2:
                    storm.db->writer().idle();
                    break;
                case 3:
                    storm.vfs.clear_failures();
                    storm.step();  // opens it again, if need be
                    storm.notes();
                    break;
                default:
                    storm.writes_a_batch();
                    break;
            }
            if (storm.random.one_in(15)) {
                storm.vfs.clear_failures();
                storm.step();
                storm.crashes();
            }
        }
        failed += storm.vfs.failed();
        storm.vfs.clear_failures();
        storm.writes_a_batch();
        REQUIRE(storm.outcome(std::to_string(storm.written)) == "committed");
        storm.crashes();
    }
    CHECK(failed > 300);
}

TEST_CASE_FIXTURE(
    StorageFixture, "the WAL starts again under continuous writes, moved by the writer alone"
) {
    std::size_t largest = 0;
    int moved = 0;
    for (int i = 0; i < 2000; ++i) {
        const int writes = file_writes();
        {
            const storage::Reader reader = db->read();
            CHECK(notes_in(*reader).size() < mib);
        }
        CHECK(file_writes() == writes);
        wrote(std::to_string(i), false, 40'000);
        moved += file_writes() > writes ? 1 : 0;
        largest = std::max(largest, wal_size());
    }
    CHECK(moved >= 3);
    CHECK(moved <= 10);
    CHECK(largest > 16 * mib);
    CHECK(largest < 18 * mib);
    CHECK(integrity() == "ok");
}

TEST_CASE_FIXTURE(StorageFixture, "an idle writer moves the WAL into the file, and only once") {
    wrote("a");
    const int writes = file_writes();
    db->writer().idle();
    CHECK(file_writes() > writes);
    const int after = file_writes() + file_syncs();
    db->writer().idle();
    CHECK(file_writes() + file_syncs() == after);
    wrote("b");
    CHECK(file_writes() + file_syncs() == after);
    CHECK(notes() == "a b");
}

TEST_CASE_FIXTURE(
    StorageFixture,
    "a reader that stays delays the move of the WAL, and it happens when the reader goes"
) {
    wrote("first");
    {
        const storage::Reader reader = db->read();
        CHECK(notes_in(*reader) == "first");
        int moves = 0;
        for (int i = 0; i < 700; ++i) {
            const int syncs = file_syncs();
            wrote(std::to_string(i), false, 40'000);
            moves += file_syncs() > syncs ? 1 : 0;
        }
        CHECK(notes_in(*reader) == "first");
        CHECK(wal_size() > 20 * mib);
        CHECK(moves <= 5);
    }
    const std::size_t before = wal_size();
    for (int i = 1000; i < 1400; ++i) {
        wrote(std::to_string(i), false, 40'000);
    }
    CHECK(wal_size() < before + 6 * mib);
    CHECK(integrity() == "ok");
}

}  // namespace bookstore::test
