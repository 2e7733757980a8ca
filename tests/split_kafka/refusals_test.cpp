#include <signal.h>

#include <iterator>
#include <sstream>

#include "shops.hpp"

// What does not fit is refused at the start, with the way out.

namespace bookstore::test {
namespace {

/// What `serve` says when it does not start.
std::string refusal(const std::string& directory, std::vector<std::string> flags) {
    std::vector<std::string> words{"serve", "--listen", "127.0.0.1:0", "--data-dir", directory};
    words.insert(words.end(), flags.begin(), flags.end());
    const Finished finished = run_bookstore(words);
    CHECK_MESSAGE(finished.status == 1, finished.status);
    CHECK_MESSAGE(finished.out == "", finished.out);
    return finished.error;
}

std::vector<std::string> with_kafka(const std::string& topic, std::vector<std::string> more = {}) {
    std::vector<std::string> flags{"--kafka", shared_broker().address(), "--kafka-topic", topic};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
}

/// The arguments of the command that a message ends with, behind that word.
std::vector<std::string> command_behind(const std::string& message, const std::string& word) {
    const auto at = message.rfind(word);
    REQUIRE_MESSAGE(at != message.npos, message);
    std::istringstream words(message.substr(at + word.size()));
    return {std::istream_iterator<std::string>(words), {}};
}

bool starts(const std::string& directory, const std::vector<std::string>& flags) {
    BookstoreProcess process(directory, flags);
    process.wait_until_ready();
    process.signal(SIGTERM);
    return process.wait() == 0;
}

}  // namespace

TEST_CASE("who needs another context must be told where it is: the text names the flag") {
    const TemporaryDirectory directory;
    const auto said = [&](const std::string& modules) {
        return refusal(directory.path(), with_kafka("nowhere", {"--modules", modules}));
    };
    CHECK(said("order,inventory").contains("add --customer-url http://HOST:PORT"));
    CHECK(said("order,customer").contains("add --inventory-url http://HOST:PORT"));
    CHECK(said("payment").contains("add --van-url http://HOST:PORT"));
    // Without a topic the events of others do not come.
    const std::string alone = refusal(directory.path(), {"--modules", "customer,inventory,order"});
    CHECK_MESSAGE(alone.contains("--modules hosts customer without"), alone);
    CHECK_MESSAGE(alone.contains("add --kafka HOST:PORT"), alone);
    CHECK(refusal(directory.path(), {"--modules", "payment"}).contains("add --van-url"));
    CHECK(starts(directory.path(), {"--modules", "payment", "--kafka", "none"}));
    CHECK(starts(directory.path(), {"--modules", "van"}));
    CHECK(refusal(
              directory.path(),
              with_kafka("nowhere", {"--modules", "van", "--topic-retention", "30d"})
    )
              .contains("--topic-retention and --kafka"));
    CHECK(refusal(
              directory.path(),
              with_kafka("nowhere", {"--modules", "van", "--topic-retention-size", "1GB"})
    )
              .contains("--topic-retention and --kafka"));
}

TEST_CASE("a directory goes with the topic that it mirrors, or with none") {
    const TemporaryDirectory own;
    {
        BookstoreProcess one(own.path());
        one.wait_until_ready();
        REQUIRE(one.post("/customers", R"({"customerName":"kim"})").status == 201);
        REQUIRE(eventually([&] { return all_hold({own.path()}); }));
    }
    run_topic(shared_broker(), "right", "create");
    run_topic(shared_broker(), "wrong", "create");
    const std::string carry = refusal(own.path(), with_kafka("right"));
    CHECK_MESSAGE(carry.contains("bookstore topic republish"), carry);

    const TemporaryDirectory mirror;
    {
        BookstoreProcess one(mirror.path(), with_kafka("right", {"--modules", "customer"}));
        one.wait_until_ready();
        REQUIRE(one.post("/customers", R"({"customerName":"kim"})").status == 201);
        REQUIRE(eventually([&] { return all_hold({mirror.path()}); }));
    }
    const std::string lonely = refusal(mirror.path(), {"--modules", "customer", "--kafka", "none"});
    CHECK_MESSAGE(lonely.contains("start with --kafka HOST:PORT --kafka-topic right"), lonely);
    const std::string other =
        refusal(mirror.path(), with_kafka("wrong", {"--modules", "customer"}));
    CHECK_MESSAGE(
        other.contains("a mirror of the Kafka topic right, not of wrong: start with --kafka-topic "
                       "right"),
        other
    );
    CHECK(starts(mirror.path(), with_kafka("right", {"--modules", "customer"})));
}

TEST_CASE("a topic that would lose or mix up events is refused with the command that mends it") {
    const TemporaryDirectory directory;
    const std::vector<std::string> van{"--modules", "van"};
    // There is none.
    const std::string none = refusal(directory.path(), with_kafka("none", van));
    CHECK_MESSAGE(none.contains("there is no topic none"), none);
    auto create = command_behind(none, "mend it with: bookstore ");
    CHECK(run_bookstore(create).status == 0);
    CHECK(starts(directory.path(), with_kafka("none", van)));

    // It has two partitions.
    shared_broker().topics(
        {"--create",
         "--topic",
         "wide",
         "--partitions",
         "2",
         "--config",
         "message.timestamp.type=LogAppendTime",
         "--config",
         "retention.ms=-1"}
    );
    const TemporaryDirectory second;
    const std::string wide = refusal(second.path(), with_kafka("wide", van));
    CHECK_MESSAGE(wide.contains("the topic wide has 2 partitions, not 1"), wide);
    create = command_behind(wide, "mend it with: bookstore ");
    CHECK(run_bookstore(create).status == 0);
    CHECK(starts(second.path(), with_kafka(create.back(), van)));

    // It forgets after a while.
    const TemporaryDirectory third;
    shared_broker().create_topic("forgetful", {"retention.ms=604800000"});
    const std::string forgetful = refusal(third.path(), with_kafka("forgetful", van));
    CHECK_MESSAGE(
        forgetful.contains("retention.ms of topic forgetful is 604800000, not -1"), forgetful
    );
    auto words = command_behind(forgetful, "kafka-configs.sh ");
    words.erase(words.begin(), words.begin() + 2);  // --bootstrap-server is this broker's already
    shared_broker().configs(words);
    CHECK(starts(third.path(), with_kafka("forgetful", van)));
}

}  // namespace bookstore::test
