#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "shop.hpp"
#include "support/invariants.hpp"
#include "support/sqlite_reader.hpp"

// Backups of a running bookstore, and what is started on them.

using namespace bookstore::test;

namespace fs = std::filesystem;
namespace http = bookstore::http;

namespace {

std::string violations_in(const std::string& data_dir) {
    return fmt::format("{}", fmt::join(violated_invariants(data_dir), "\n"));
}

Answer back_up(Story& story, const std::string& directory) {
    return story.post("/backups", backup_body(directory));
}

/// What a check that must find nothing says; empty when it found nothing.
std::string fault_in(const std::string& data_dir) {
    const auto done = check_of(data_dir);
    return done.status == 0 ? "" : fmt::format("{}: {}{}", done.status, done.out, done.error);
}

/// What an existing backup lacks of what was acknowledged before it was asked for.
std::string lost_in(const std::string& data_dir, const Crowd::Acknowledged& acknowledged) {
    Sqlite db(data_dir + "/order.db");
    std::string lost;
    for (const auto id : acknowledged.orders) {
        if (db.number(fmt::format("SELECT count(*) FROM orders WHERE id = {}", id)) != 1) {
            lost += fmt::format("order {} ", id);
        }
    }
    for (const auto id : acknowledged.canceled) {
        constexpr auto sql = "SELECT status = 'CANCELED' FROM orders WHERE id = {}";
        if (db.number(fmt::format(sql, id)) != 1) {
            lost += fmt::format("cancel of {} ", id);
        }
    }
    return lost;
}

/// Starts a bookstore on it, which brings everything to its end, then orders go on.
void check_goes_on(const std::string& data_dir) {
    {
        BookstoreProcess process(data_dir, quick_van());
        process.wait_until_ready();
        CHECK(eventually([&] { return violations_in(data_dir).empty(); }));
        const auto placed = process.post(
            "/orders",
            R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"b","payAmount":5})"
        );
        CHECK(placed.status == 201);
        CHECK(eventually([&] { return violations_in(data_dir).empty(); }));
        process.signal(SIGTERM);
        CHECK(process.wait() == 0);
    }
    CHECK(violations_in(data_dir) == "");
    CHECK(fault_in(data_dir) == "");
    // No payment twice: a key of VAN's for each payment that has an amount, and none beside.
    Sqlite payments(data_dir + "/payment.db");
    Sqlite ledger(data_dir + "/van.db");
    CHECK(
        payments.number("SELECT count(*) FROM payment WHERE amount IS NOT NULL") ==
        ledger.number("SELECT count(*) FROM ledger")
    );
}

/// A backup that another thread asks for, and its answer; status 0 when the server went away.
class Asked {
  public:
    Asked(Story& story, const std::string& directory)
        : thread_([&story, directory, this] {
              try {
                  answer_ = back_up(story, directory);
              } catch (const std::exception&) {
                  answer_ = {};
              }
          }) {}
    Answer answer() {
        if (thread_.joinable()) {
            thread_.join();
        }
        return answer_;
    }
    ~Asked() { answer(); }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

  private:
    Answer answer_;
    std::thread thread_;
};

/// A bookstore whose backup takes its time.
struct HeavyStory {
    explicit HeavyStory(std::vector<std::string> flags = {}) {
        given_shop(story);
        story.place_order(1, 1);
        story.stop();
        given_weight(story.data_dir(), 100);
        story.start(std::move(flags));
    }
    std::string target(const std::string& name) const { return place.path() + "/" + name; }
    /// Waits until the copy of that file has begun.
    bool copies(const std::string& name, const std::string& file = "topic.db") const {
        return eventually([&] { return fs::exists(target(name) + ".partial/" + file); });
    }

    Story story;
    TemporaryDirectory place;
};

/// A small disk of its own; nothing where this process may not mount one.
class SmallDisk {
  public:
    explicit SmallDisk(const std::string& path) : path_(path) {
        fs::create_directories(path);
        mounted_ = mount("none", path.c_str(), "tmpfs", 0, "size=1m") == 0;
    }
    ~SmallDisk() {
        if (mounted_) {
            umount2(path_.c_str(), MNT_DETACH);
        }
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    bool mounted() const { return mounted_; }

  private:
    std::string path_;
    bool mounted_ = false;
};

}  // namespace

TEST_CASE("backups under load are one moment each: all acknowledged before is there, and goes on") {
    const TemporaryDirectory place;
    std::vector<std::pair<std::string, Crowd::Acknowledged>> backups;
    Story story(quick_van());
    given_shop(story);
    {
        Crowd crowd(story.process().url());
        for (int i = 0; i < 4; ++i) {
            REQUIRE(crowd.orders(40));
            const std::string directory = fmt::format("{}/{}", place.path(), i);
            auto before = crowd.acknowledged();
            const auto answer = back_up(story, directory);
            REQUIRE_MESSAGE(answer.status == 200, answer.body);
            CHECK(answer.items("files").size() == 8);
            Sqlite topic(directory + "/topic.db");
            CHECK(
                answer.field("topicPosition") ==
                std::to_string(topic.number("SELECT max(position) FROM event"))
            );
            for (const auto& file : answer.items("files")) {
                const std::string path = directory + "/" + std::string(file.at("name").as_string());
                CHECK(fs::file_size(path) == file.at("bytes").to_number<std::uintmax_t>());
            }
            backups.emplace_back(directory, std::move(before));
        }
        story.process().kill();
    }
    CHECK(fault_in(story.data_dir()) == "");
    for (const auto& [directory, before] : backups) {
        CAPTURE(directory);
        CHECK(fault_in(directory) == "");
        CHECK(lost_in(directory, before) == "");
    }
    check_goes_on(backups.front().first);
    check_goes_on(backups.back().first);
    story.start(quick_van());
    CHECK(story.ends_with() == "");
}

TEST_CASE("a backup shows orders on their way, and a stopped context is in it as it is") {
    const TemporaryDirectory place;
    const std::string directory = place.path() + "/backup";
    Story story;
    given_shop(story);
    story.restart({"--stopped", "payment,customer"});
    story.post(
        "/orders", R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"b","payAmount":5})"
    );
    CHECK(back_up(story, directory).status == 200);
    const auto done = check_of(directory);
    CHECK(done.status == 0);
    CHECK(done.out.find("1 orders (1 not verified") != std::string::npos);
    check_goes_on(directory);
}

TEST_CASE("a process that is killed during a backup leaves none that could be taken for whole") {
    HeavyStory heavy;
    Story& story = heavy.story;
    for (const std::string file : {"topic.db", "order.db"}) {
        CAPTURE(file);
        const std::string target = heavy.target("backup-" + file);
        {
            Asked asked(story, target);
            REQUIRE(heavy.copies("backup-" + file, file));
            story.process().kill();
            CHECK(asked.answer().status == 0);
        }
        CHECK(!fs::exists(target));
        const std::string half = target + ".partial";
        REQUIRE(fs::exists(half));
        const auto checked = check_of(half);
        CHECK(checked.status == 2);
        CHECK(checked.error.find("did not come to its end") != std::string::npos);
        const auto served = run_bookstore({"serve", "--listen", "127.0.0.1:0", "--data-dir", half});
        CHECK(served.status == 1);
        CHECK(served.error.find("did not come to its end") != std::string::npos);
        CHECK(run_bookstore({"backup", "--data-dir", half, target}).status == 1);
        const auto traced = run_bookstore({"trace", "--data-dir", half, "1"});
        CHECK(traced.status == 1);
        CHECK(traced.error.find("did not come to its end") != std::string::npos);

        CHECK(fault_in(story.data_dir()) == "");
        story.start();
        CHECK(back_up(story, target).status == 200);
        CHECK(!fs::exists(half));
        CHECK(fault_in(target) == "");
    }
}

TEST_CASE("one backup at a time; a process that ends gives it up and leaves nothing") {
    HeavyStory heavy({"--drain-timeout", "0"});
    Story& story = heavy.story;
    Asked first(story, heavy.target("first"));
    REQUIRE(heavy.copies("first", "order.db"));
    const auto second = back_up(story, heavy.target("second"));
    CHECK(error_fault(second, 409, "/backups") == "");
    CHECK(second.field("message") == "a backup is under way: wait for its end");
    CHECK(!fs::exists(heavy.target("second")));
    // Meanwhile the bookstore is open.
    CHECK(story.place_order(1, 1) == 2);
    story.process().signal(SIGTERM);
    CHECK(story.process().wait() == 0);
    CHECK(first.answer().status != 200);
    CHECK(fs::is_empty(heavy.place.path()));
    CHECK(fault_in(story.data_dir()) == "");
}

TEST_CASE("a place that is none for a backup is refused, and left as it is") {
    const TemporaryDirectory place;
    const std::string& path = place.path();
    Story story;
    given_shop(story);
    fs::create_directories(path + "/full/of");
    fs::create_directories(path + "/other.partial/something");
    fs::create_directories(path + "/mine.partial");
    std::ofstream(path + "/mine.partial/order.db") << "not a backup's";
    fs::create_directory_symlink(story.data_dir(), path + "/linked.partial");
    std::ofstream(path + "/file") << "text";
    fs::create_directory_symlink(story.data_dir(), path + "/link");
    const auto before = std::distance(fs::recursive_directory_iterator(path), {});
    const struct {
        std::string directory;
        int status;
        std::string message;
    } refused[]{
        {"backup", 400, "absolute path"},
        {"./backup", 400, "absolute path"},
        {path + "/nowhere/backup", 400, "make it first"},
        {path + "/file/backup", 400, "make it first"},
        {story.data_dir() + "/backup", 400, "inside the data directory"},
        {story.data_dir(), 400, "inside the data directory"},
        {path + "/link/backup", 400, "inside the data directory"},
        {path + "/full/../link/backup", 400, "inside the data directory"},
        {path + "/full", 409, "not empty"},
        {path + "/full/", 409, "not empty"},
        {"/", 409, "not empty"},
        {path + "/file", 409, "no directory"},
        {path + "/link", 409, "no directory"},
        {path + "/other", 409, "in the way"},
        {path + "/mine", 409, "in the way"},
        {path + "/linked", 409, "in the way"},
        {"/proc/backup", 400, "cannot write"},
    };
    for (const auto& [directory, status, message] : refused) {
        CAPTURE(directory);
        const auto answer = back_up(story, directory);
        CHECK(error_fault(answer, status, "/backups") == "");
        CHECK_MESSAGE(answer.field("message").find(message) != std::string::npos, answer.body);
    }
    CHECK(std::distance(fs::recursive_directory_iterator(path), {}) == before);
    CHECK(story.post("/backups", "{}").status == 400);
    CHECK(story.post("/backups", R"({"directory":7})").status == 400);

    // An empty directory is a place; dots and a slash at the end change nothing.
    fs::create_directory(path + "/empty");
    CHECK(back_up(story, path + "/full/../empty/").status == 200);
    CHECK(fault_in(path + "/empty") == "");
}

TEST_CASE("a backup is an operator's on this machine alone") {
    const TemporaryDirectory place;
    Story story;
    const std::string body = backup_body(place.path() + "/backup");
    for (const http::Header& header :
         {http::Header{"Origin", "http://elsewhere.example"},
          http::Header{"Sec-Fetch-Site", "cross-site"},
          http::Header{"Forwarded", "for=192.0.2.1"},
          http::Header{"X-Forwarded-For", "192.0.2.1"},
          http::Header{"X-Forwarded-Proto", "https"},
          http::Header{"Via", "1.1 proxy"}}) {
        CAPTURE(header.name);
        CHECK(
            error_fault(story.send(Method::post, "/backups", body, {header}), 403, "/backups") == ""
        );
    }
    CHECK(fs::is_empty(place.path()));
}

TEST_CASE("a disk without room for a backup: 507, and nothing is left there") {
    const TemporaryDirectory place;
    const SmallDisk disk(place.path());
    if (!disk.mounted()) {
        MESSAGE("this process may not mount a small disk: not tested");
        return;
    }
    Story story;
    given_shop(story);
    const auto answer = back_up(story, place.path() + "/backup");
    CHECK(error_fault(answer, 507, "/backups") == "");
    CHECK(answer.field("message").find("has room for") != std::string::npos);
    CHECK(fs::is_empty(place.path()));
    const auto mount_point = back_up(story, place.path());
    CHECK(mount_point.status == 400);
    CHECK(mount_point.field("message").find("mount point") != std::string::npos);
}

TEST_CASE("bookstore backup asks the server, or works on a directory that nobody holds") {
    const TemporaryDirectory place;
    Story story;
    given_shop(story);
    story.place_order(1, 1);
    const std::string& url = story.process().url();
    const auto asked = run_bookstore({"backup", place.path() + "/asked", "--url", url});
    CHECK_MESSAGE(asked.status == 0, asked.error);
    CHECK(asked.out.find("topic.db") != std::string::npos);
    CHECK(fault_in(place.path() + "/asked") == "");
    const auto again = run_bookstore({"backup", place.path() + "/asked", "--url", url});
    CHECK(again.status == 1);
    CHECK(again.error.find("not empty") != std::string::npos);

    // A relative directory is one of the caller's.
    const fs::path here = fs::current_path();
    fs::current_path(place.path());
    const auto relative = run_bookstore({"backup", "relative", "--url", url});
    fs::current_path(here);
    CHECK_MESSAGE(relative.status == 0, relative.error);
    CHECK(fault_in(place.path() + "/relative") == "");

    const std::vector<std::string> offline{
        "backup", "--data-dir", story.data_dir(), place.path() + "/offline"
    };
    const auto held = run_bookstore(offline);
    CHECK(held.status == 1);
    CHECK(held.error.find("held by a running bookstore") != std::string::npos);
    story.process().kill();
    const auto done = run_bookstore(offline);
    CHECK_MESSAGE(done.status == 0, done.error);
    CHECK(fault_in(place.path() + "/offline") == "");
    check_goes_on(place.path() + "/offline");
    CHECK(run_bookstore(offline).error.find("not empty") != std::string::npos);
    const auto nothing = run_bookstore({"backup", "--data-dir", place.path(), place.path() + "/x"});
    CHECK(nothing.error.find("is no data directory") != std::string::npos);
}

TEST_CASE("a backup copied over a directory whose WALs stayed is refused, and starts without them"
) {
    const TemporaryDirectory place;
    const std::string directory = place.path() + "/backup";
    Story story;
    given_shop(story);
    story.place_order(1, 1);
    REQUIRE(back_up(story, directory).status == 200);
    story.place_order(1, 1);
    story.process().kill();
    fs::copy(
        directory,
        story.data_dir(),
        fs::copy_options::recursive | fs::copy_options::overwrite_existing
    );
    const auto served =
        run_bookstore({"serve", "--listen", "127.0.0.1:0", "--data-dir", story.data_dir()});
    CHECK(served.status == 1);
    CHECK_MESSAGE(served.error.find("-wal does not belong to") != std::string::npos, served.error);
    CHECK(check_of(story.data_dir()).status == 2);
    CHECK(
        run_bookstore({"backup", "--data-dir", story.data_dir(), place.path() + "/x"}).status == 1
    );
    for (const auto& [name, content] : files_in(story.data_dir())) {
        if (name.ends_with("-wal") || name.ends_with("-shm")) {
            fs::remove(story.data_dir() + "/" + name);
        }
    }
    CHECK(fault_in(story.data_dir()) == "");
    check_goes_on(story.data_dir());
}

TEST_CASE("offline tools make no file that is missing") {
    Story story;
    given_shop(story);
    story.place_order(1, 1);
    story.stop();
    fs::remove(story.data_dir() + "/van.db");
    const auto before = files_in(story.data_dir());
    const auto events =
        run_bookstore({"events", "--from-beginning", "--data-dir", story.data_dir()});
    CHECK_MESSAGE(events.status == 0, events.error);
    CHECK(files_in(story.data_dir()) == before);
    CHECK(run_bookstore({"trace", "--data-dir", story.data_dir(), "1"}).status == 0);
    CHECK(files_in(story.data_dir()) == before);
    CHECK(run_bookstore({"rebuild", "--data-dir", story.data_dir(), "my-page"}).status == 0);
    CHECK_FALSE(fs::exists(story.data_dir() + "/van.db"));
}
