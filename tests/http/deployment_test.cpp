#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "story.hpp"

// What the image, compose.yaml and the manifests of Kubernetes ask of the binary, asked of it.

using namespace bookstore::test;

namespace {

namespace fs = std::filesystem;

/// A file of the project without its lines of comment.
std::string lines_of(const std::string& path) {
    std::ifstream file(std::string(PROJECT_ROOT "/") + path);
    REQUIRE_MESSAGE(file, path);
    std::string text;
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find_first_not_of(' ');
        if (first != std::string::npos && line[first] != '#') {
            text += line + '\n';
        }
    }
    return text;
}

std::vector<std::string> deployment_files() {
    std::vector<std::string> files{"Dockerfile", "compose.yaml"};
    for (const auto& entry : fs::directory_iterator(PROJECT_ROOT "/deploy/kubernetes")) {
        files.push_back("deploy/kubernetes/" + entry.path().filename().string());
    }
    return files;
}

/// Every BOOKSTORE_... that is a word of its own.
std::set<std::string> variables_of(const std::string& text) {
    const auto in_word = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    };
    std::set<std::string> names;
    for (std::size_t at = 0; (at = text.find("BOOKSTORE_", at)) != std::string::npos;) {
        const auto end =
            std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), in_word);
        const auto length = static_cast<std::size_t>(end - text.begin()) - at;
        if (at == 0 || !in_word(text[at - 1])) {
            names.insert(text.substr(at, length));
        }
        at += length;
    }
    return names;
}

/// The words of the list in brackets behind the first `key`, without quotes.
std::vector<std::string> list_of(const std::string& text, const std::string& key) {
    const auto begin = text.find(key + "[");
    REQUIRE_MESSAGE(begin != std::string::npos, key);
    std::vector<std::string> words(1);
    for (auto at = begin + key.size() + 1; text.at(at) != ']'; ++at) {
        if (text[at] == ',') {
            words.emplace_back();
        } else if (text[at] != '"' && text[at] != ' ') {
            words.back() += text[at];
        }
    }
    return words;
}

/// The paths of a manifest's probes.
std::set<std::string> probed_by(const std::string& manifest) {
    const std::string key = "httpGet: {path: ";
    std::set<std::string> paths;
    for (std::size_t at = 0; (at = manifest.find(key, at)) != std::string::npos;) {
        at += key.size();
        paths.insert(manifest.substr(at, manifest.find(',', at) - at));
    }
    return paths;
}

}  // namespace

TEST_CASE("every variable that the container's files set is a flag of serve") {
    const std::string help = run_bookstore({"serve", "--help"}).out;
    std::set<std::string> all;
    for (const std::string& file : deployment_files()) {
        for (const std::string& name : variables_of(lines_of(file))) {
            CAPTURE(file);
            if (name == "BOOKSTORE_URL") {
                continue;  // of the commands that ask a server
            }
            CHECK_MESSAGE(help.find("(Env:" + name + ")") != std::string::npos, name);
            all.insert(name);
        }
    }
    CHECK(all.contains("BOOKSTORE_LISTEN"));
    CHECK(all.contains("BOOKSTORE_OPERATOR_LISTEN"));
    CHECK(all.contains("BOOKSTORE_DRAIN_DELAY"));
    CHECK_FALSE(all.contains("BOOKSTORE_TESTS"));  // CMake's
}

TEST_CASE("the manifests' arguments start it, and their probes find it ready and healthy") {
    for (const std::string name : {"bookstore", "van"}) {
        CAPTURE(name);
        const std::string manifest = lines_of("deploy/kubernetes/" + name + ".yaml");
        auto arguments = list_of(manifest, "args: ");
        REQUIRE(arguments.front() == "serve");
        arguments.erase(arguments.begin());
        Story story(arguments);
        const auto paths = probed_by(manifest);
        CHECK(paths.size() == 2);
        for (const std::string& path : paths) {
            CAPTURE(path);
            CHECK(story.get(path).status == 200);
        }
        CHECK(story.get("/requestPayment?payment=1000").body == "PAYMENT_COMPLETED");
        CHECK((story.get("/orders").status == 200) == (name == "bookstore"));
    }
}

TEST_CASE("the commands of the image's health check and of Compose's demo work") {
    Story story;
    auto check = list_of(lines_of("Dockerfile"), "CMD ");
    REQUIRE(check.front() == "bookstore");
    check.erase(check.begin());
    const auto own = std::ranges::find(check, "http://127.0.0.1:8080");
    REQUIRE(own != check.end());
    *own = story.process().url();
    CHECK(run_bookstore(check).status == 0);
    REQUIRE(story.get("/makeZombie").status == 200);
    CHECK(run_bookstore(check).status == 1);

    auto demo = list_of(lines_of("compose.yaml"), "command: ");
    const auto url = std::ranges::find(demo, "http://bookstore:8080");
    REQUIRE(url != demo.end());
    *url = story.process().url();
    demo.insert(demo.end(), {"--actions", "3"});
    const auto played = run_bookstore(demo);
    CHECK(played.status == 0);
    CHECK(std::ranges::count(played.out, '\n') > 0);
}

TEST_CASE("a restart whenever it ends with status 1 heals the zombie drill, as often as it is run"
) {
    const std::vector<std::string> flags{"--exit-when-unhealthy", "1"};
    Story story(flags);
    story.given_customer();
    story.given_book(10);
    for (int drill = 1; drill <= 3; ++drill) {
        CAPTURE(drill);
        REQUIRE(story.get("/makeZombie").status == 200);
        const auto order = story.place_order(1, 1);
        REQUIRE(story.process().wait() == 1);
        story.start(flags);
        CHECK(story.get("/isHealthy").status == 200);
        CHECK(story.get("/isReady").status == 200);
        CHECK(story.order_becomes(order, "Shipped"));
    }
    story.stop();  // with status 0: no restart policy starts that again
}
