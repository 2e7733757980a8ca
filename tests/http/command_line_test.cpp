#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "story.hpp"
#include "support/sqlite_reader.hpp"

using namespace bookstore::test;

namespace {

namespace fs = std::filesystem;

/// What is wrong with a command that should have been refused in one line; empty when nothing is.
std::string refusal_fault(const Finished& done) {
    if (done.status == 0 || done.status > 127) {
        return fmt::format("status {}", done.status);
    }
    if (!done.out.empty()) {
        return "it printed " + done.out;
    }
    if (std::ranges::count(done.error, '\n') != 1 || !done.error.starts_with("bookstore: ")) {
        return "its error is " + done.error;
    }
    return {};
}

Finished serve(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "serve");
    return run_bookstore(arguments);
}

/// The files of a directory, with what they hold.
std::map<std::string, std::string> files_in(const std::string& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
        std::ifstream file(entry.path(), std::ios::binary);
        files[entry.path().filename()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return files;
}

class Environment {
  public:
    Environment(const char* name, const std::string& value) : name_(name) {
        setenv(name, value.c_str(), 1);
    }
    ~Environment() { unsetenv(name_); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

  private:
    const char* name_;
};

/// A directory with one customer in it, that nobody holds.
void given_a_shop(Story& story) {
    story.given_customer();
    story.stop();
}

std::string refused_start(const Story& story) {
    const auto done = serve({"--listen", "127.0.0.1:0", "--data-dir", story.data_dir()});
    CHECK(refusal_fault(done) == "");
    return done.error;
}

}  // namespace

TEST_CASE("--version prints the version") {
    const auto done = run_bookstore({"--version"});
    CHECK(done.status == 0);
    CHECK(done.out.starts_with("bookstore "));
    CHECK(done.error.empty());
}

TEST_CASE("--help tells every subcommand, and of each its flags") {
    const auto help = run_bookstore({"--help"});
    CHECK(help.status == 0);
    for (const std::string word : {"serve", "events", "rebuild"}) {
        CHECK(help.out.find(word) != std::string::npos);
        const auto of = run_bookstore({word, "--help"});
        CHECK(of.status == 0);
        CHECK(of.error.empty());
        CHECK(of.out.find("--data-dir") != std::string::npos);
    }
    const auto flags = run_bookstore({"serve", "--help"}).out;
    for (const std::string flag :
         {"--listen",
          "--trusted-proxy",
          "--cors-origin",
          "BOOKSTORE_TRUSTED_PROXY",
          "BOOKSTORE_CORS_ORIGIN",
          "--threads",
          "--max-connections",
          "--max-body-bytes",
          "--max-header-bytes",
          "--max-target-bytes",
          "--idle-timeout",
          "--header-timeout",
          "--body-timeout",
          "--drain-delay",
          "--drain-timeout",
          "--stopped",
          "--payment-timeout",
          "--customer-url",
          "--inventory-url",
          "--van-url",
          "--ask-timeout",
          "--port-calls",
          "--van-hang",
          "--breaker-timeout",
          "--breaker-sleep-window",
          "--breaker-request-volume",
          "--breaker-error-percent",
          "--breaker-window",
          "--log-format",
          "--log-level",
          "BOOKSTORE_LISTEN",
          "BOOKSTORE_BREAKER_TIMEOUT",
          "127.0.0.1:8080"}) {
        CHECK_MESSAGE(flags.find(flag) != std::string::npos, flag);
    }
}

TEST_CASE("a command line that means nothing is refused in one line") {
    const TemporaryDirectory directory;
    const std::string data = directory.path() + "/data";
    const std::vector<std::vector<std::string>> wrong{
        {},
        {"sell"},
        {"serve", "--nothing"},
        {"serve", "--listen"},
        {"serve", "--listen", "8080"},
        {"serve", "--listen", ":8080"},
        {"serve", "--listen", "127.0.0.1:"},
        {"serve", "--listen", "127.0.0.1:x"},
        {"serve", "--listen", "127.0.0.1:65536"},
        {"serve", "--listen", "127.0.0.1:-1"},
        {"serve", "--listen", "no.such.host.invalid:0"},
        {"serve", "--listen", "192.0.2.1:0"},
        {"serve", "--trusted-proxy", "proxy.example"},
        {"serve", "--trusted-proxy", "10.0.0.0/33"},
        {"serve", "--trusted-proxy", "127.0.0.1,"},
        {"serve", "--cors-origin", "shop.example"},
        {"serve", "--cors-origin", "https://shop.example/"},
        {"serve", "--cors-origin", "*,https://shop.example"},
        {"serve", "--threads", "0"},
        {"serve", "--threads", "many"},
        {"serve", "--max-connections", "0"},
        {"serve", "--max-body-bytes", "-1"},
        {"serve", "--max-header-bytes", "x"},
        {"serve", "--idle-timeout", "-5"},
        {"serve", "--drain-timeout", "-1"},
        {"serve", "--heartbeat", "-1"},
        {"serve", "--heartbeat", "0"},
        {"serve", "--stopped", "sales"},
        {"serve", "--stopped", "order,sales"},
        {"serve", "--retry-attempts", "0"},
        {"serve", "--breaker-error-percent", "101"},
        {"serve", "--breaker-window", "1"},
        {"serve", "--breaker-timeout", "-1"},
        {"serve", "--breaker-sleep-window", "-1"},
        {"serve", "--breaker-request-volume", "-1"},
        {"serve", "--van-hang", "-1"},
        {"serve", "--payment-timeout", "5000"},
        {"serve", "--payment-timeout", "-1"},
        {"serve", "--ask-timeout", "0"},
        {"serve", "--port-calls", "0"},
        {"serve", "--van-url", "ftp://van"},
        {"serve", "--log-format", "xml"},
        {"serve", "--log-level", "loud"},
        {"serve", "extra"},
        {"events", "--url", "ftp://x"},
        {"events", "--url", "127.0.0.1:8080"},
        {"events", "--url", "http://127.0.0.1:1", "--data-dir", data},
        {"events", "--data-dir", directory.path() + "/none"},
        {"rebuild"},
        {"rebuild", "customers"},
        {"rebuild", "my-page", "--data-dir", directory.path() + "/none"}
    };
    for (auto arguments : wrong) {
        CAPTURE(fmt::format("{}", fmt::join(arguments, " ")));
        if (!arguments.empty() && arguments[0] == "serve") {
            arguments.insert(arguments.end(), {"--data-dir", data});
            if (std::ranges::find(arguments, "--listen") == arguments.end()) {
                arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
            }
        }
        CHECK(refusal_fault(run_bookstore(arguments)) == "");
    }
}

TEST_CASE("control characters are shown in messages about flags, not sent to the terminal") {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"serve", "--listen", "127.0.0.1:\x1b[31mred\r\n\x07"},
             {"serve", "--nothing\x1b]0;title\x07"},
             {"serve", "--data-dir", "/proc/\x1b[2J\xff"}
         }) {
        const auto done = run_bookstore(words);
        CHECK(done.status == 1);
        CHECK(done.error.find("\\x1b") != std::string::npos);
        CHECK(done.error.find_first_of("\x1b\x07\r\xff") == std::string::npos);
        CHECK(done.error.find('\n') == done.error.size() - 1);
    }
    CHECK(run_bookstore({"serve", "책"}).error.find("책") != std::string::npos);
}

TEST_CASE("a refusal names the help that tells the flags of its command") {
    const auto error_of = [](const std::vector<std::string>& words) {
        return run_bookstore(words).error;
    };
    CHECK(error_of({"--nonsense"}).ends_with("(see bookstore --help)\n"));
    CHECK(error_of({"events", "--from", "1"}).ends_with("(see bookstore events --help)\n"));
    CHECK(error_of({"demo", "--rate", "0"}).ends_with("(see bookstore demo --help)\n"));
}

TEST_CASE("port 0 prints the address that the system chose") {
    Story story;
    const auto port = std::stoi(story.process().port());
    CHECK(port > 1023);
    CHECK(port < 65536);
    CHECK(story.process().url() == fmt::format("http://127.0.0.1:{}", port));
}

TEST_CASE("a busy port is refused with a line that names it") {
    Story story;
    const TemporaryDirectory other;
    const std::string address = "127.0.0.1:" + story.process().port();
    const auto done = serve({"--listen", address, "--data-dir", other.path() + "/data"});
    CHECK(refusal_fault(done) == "");
    CHECK(done.error.find(address) != std::string::npos);
}

TEST_CASE("a data directory that cannot be one is refused") {
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/file";
    std::ofstream(file) << "not a directory";
    const auto in_place = serve({"--listen", "127.0.0.1:0", "--data-dir", file});
    CHECK(refusal_fault(in_place) == "");
    CHECK(in_place.error.find(file) != std::string::npos);
    const auto below = serve({"--listen", "127.0.0.1:0", "--data-dir", file + "/data"});
    CHECK(refusal_fault(below) == "");
    CHECK(refusal_fault(serve({"--listen", "127.0.0.1:0", "--data-dir", "/proc/bookstore"})) == "");
    CHECK(refusal_fault(serve({"--listen", "127.0.0.1:0", "--data-dir", ""})) == "");
    std::ifstream kept(file);
    std::string text;
    std::getline(kept, text);
    CHECK(text == "not a directory");

    const std::string data = directory.path() + "/data";
    fs::create_directory(data);
    std::ofstream(data + "/order.db") << "this is no SQLite file, but somebody's notes";
    const auto notes = serve({"--listen", "127.0.0.1:0", "--data-dir", data});
    CHECK(refusal_fault(notes) == "");
    CHECK(notes.error.find("order.db") != std::string::npos);
    CHECK(files_in(data).at("order.db") == "this is no SQLite file, but somebody's notes");
}

TEST_CASE("a directory is held by one process alone, until it ends or is killed") {
    Story story;
    story.given_customer();
    const auto second = serve({"--listen", "127.0.0.1:0", "--data-dir", story.data_dir()});
    CHECK(refusal_fault(second) == "");
    CHECK(second.error.find(story.data_dir()) != std::string::npos);
    CHECK(story.of("/customers/1", "customerName") == "kim");
    story.process().kill();
    story.start();
    CHECK(story.of("/customers/1", "customerName") == "kim");
}

TEST_CASE("flags come from the environment too, and the command line wins") {
    const TemporaryDirectory directory;
    const Environment listen("BOOKSTORE_LISTEN", "127.0.0.1:x");
    const auto wrong = serve({"--data-dir", directory.path()});
    CHECK(refusal_fault(wrong) == "");
    CHECK(wrong.error.find("127.0.0.1:x") != std::string::npos);
    const Environment stopped("BOOKSTORE_STOPPED", "customer,van");
    const Environment format("BOOKSTORE_LOG_FORMAT", "json");
    Story story;
    CHECK(story.get("/customers").status == 503);
    CHECK(story.get("/requestPayment?payment=1").status == 503);
    CHECK(story.get("/books").status == 200);
    CHECK(story.process().log().starts_with("{"));
}

TEST_CASE("an empty BOOKSTORE_CORS_ORIGIN lets no other origin in, and is not taken for unset") {
    const auto post_from = [](Story& story, const std::string& origin) {
        const std::string kim = R"({"customerName":"kim"})";
        return story.send(Method::post, "/customers", kim, {{"Origin", origin}}).status;
    };
    const std::string shop = "https://shop.example";
    Story story;
    CHECK(post_from(story, shop) == 201);
    {
        const Environment none("BOOKSTORE_CORS_ORIGIN", "");
        story.restart();
        CHECK(post_from(story, shop) == 403);
        story.restart({"--cors-origin", shop});
        CHECK(post_from(story, shop) == 201);
    }
    const Environment one("BOOKSTORE_CORS_ORIGIN", shop);
    story.restart();
    CHECK(post_from(story, shop) == 201);
    CHECK(post_from(story, "null") == 403);
}

TEST_CASE("a database newer than the binary is refused and left as it is") {
    Story story;
    given_a_shop(story);
    for (const std::string file : {"order", "topic"}) {
        const std::string path = story.data_dir() + "/" + file + ".db";
        Sqlite(path, Sqlite::Mode::write)
            .run(fmt::format("INSERT INTO migration VALUES ('{}', 99, 'tomorrow', 'x', 0)", file));
        const auto before = files_in(story.data_dir());
        const auto error = refused_start(story);
        CHECK(error.find(file + ".db") != std::string::npos);
        CHECK(error.find("newer") != std::string::npos);
        CHECK(files_in(story.data_dir()).at(file + ".db") == before.at(file + ".db"));
        Sqlite(path, Sqlite::Mode::write).run("DELETE FROM migration WHERE number = 99");
    }
    story.start();
    CHECK(story.of("/customers/1", "customerName") == "kim");
}

TEST_CASE("an edited migration is refused by its name") {
    Story story;
    given_a_shop(story);
    Sqlite(story.data_dir() + "/payment.db", Sqlite::Mode::write)
        .run("UPDATE migration SET sha256 = 'edited' WHERE source = 'payment'");
    const auto error = refused_start(story);
    CHECK(error.find("payment.db") != std::string::npos);
    CHECK(error.find("0001_create_payment") != std::string::npos);
}

TEST_CASE("files from different moments are refused: the topic is behind, or a context is") {
    Story story;
    story.given_customer();
    story.given_book(1);
    story.stop();
    const TemporaryDirectory old;
    fs::copy(story.data_dir(), old.path(), fs::copy_options::recursive);
    story.start();
    REQUIRE(story.order_becomes(story.place_order(1, 1, 1), "Shipped"));
    REQUIRE(story.payment_becomes(1, "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/paymentHistories", "page.totalElements", "1"));
    story.stop();
    const std::string topic = story.data_dir() + "/topic.db";
    const std::string order = story.data_dir() + "/order.db";
    const auto now = files_in(story.data_dir());

    fs::copy_file(old.path() + "/topic.db", topic, fs::copy_options::overwrite_existing);
    CHECK(refused_start(story).find("different moments") != std::string::npos);
    std::ofstream(topic, std::ios::binary) << now.at("topic.db");

    fs::copy_file(old.path() + "/order.db", order, fs::copy_options::overwrite_existing);
    const auto behind = refused_start(story);
    CHECK(behind.find("different moments") != std::string::npos);
    CHECK(behind.find("order.db") != std::string::npos);
    std::ofstream(order, std::ios::binary) << now.at("order.db");

    story.start();
    CHECK(story.of("/orders/1", "orderStatus") == "Shipped");
    CHECK(story.ends_with() == "");
}

TEST_CASE("a ledger of VAN that is older than what payment was told of it is refused") {
    Story story;
    story.given_customer();
    story.given_book(9);
    REQUIRE(story.payment_becomes(story.place_order(1, 1, 1), "PAYMENT_COMPLETED"));
    story.stop();
    const std::string van = story.data_dir() + "/van.db";
    const std::string old = files_in(story.data_dir()).at("van.db");
    story.start();
    REQUIRE(story.payment_becomes(story.place_order(1, 1, 1), "PAYMENT_COMPLETED"));
    story.stop();
    const std::string now = files_in(story.data_dir()).at("van.db");

    std::ofstream(van, std::ios::binary) << old;
    const auto error = refused_start(story);
    CHECK_MESSAGE(error.find("different moments") != std::string::npos, error);
    CHECK(
        error.find("payment.db was told of moment 2 of van.db, which is at 1") != std::string::npos
    );
    fs::remove(van);
    CHECK(refused_start(story).find("which is at 0") != std::string::npos);

    std::ofstream(van, std::ios::binary) << now;
    story.start();
    CHECK(story.ends_with() == "");
}

TEST_CASE("an IPv6 address is listened on") {
    const TemporaryDirectory directory;
    const auto done = serve({"--listen", "[::1]:99999", "--data-dir", directory.path()});
    CHECK(refusal_fault(done) == "");
    CHECK(done.error.find("65535") != std::string::npos);
}
