#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>

#include "auth/key_source.hpp"
#include "auth/token.hpp"
#include "support/eventually.hpp"
#include "support/raw_server.hpp"
#include "support/signing_key.hpp"
#include "support/temporary_directory.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

using auth::KeySource;

struct Place {
    TemporaryDirectory directory;
    VirtualClock clock;
    std::string jwks = directory.path() + "/jwks.json";
    std::string secret = directory.path() + "/secret";

    static void write(const std::string& path, std::string_view text) {
        std::ofstream(path, std::ios::binary) << text;
    }
    /// As who cares for his readers does it: there is never half a file.
    static void replace(const std::string& path, std::string_view text) {
        write(path + ".new", text);
        std::filesystem::rename(path + ".new", path);
    }
};

bool takes(const KeySource& source, const std::string& token) {
    return auth::verify(token, *source.keys(), {}, VirtualClock::start_ms / 1000).has_value();
}

std::string token_by(const SigningKey& key, std::string_view kid) {
    return token_of(key, fmt::format(R"({{"exp":{}}})", VirtualClock::start_ms / 1000), kid);
}

/// Answers each request of a JWKS with what it has then.
class Issuer {
  public:
    std::atomic<int> asked{0};

    void has(std::string_view text, int answered = 200) {
        const std::scoped_lock lock(mutex_);
        body_ = text;
        status_ = answered;
    }
    std::string url() const { return server_.url(); }

  private:
    std::mutex mutex_;
    std::string body_;  ///< guarded by mutex_
    int status_ = 200;  ///< guarded by mutex_
    RawServer server_{[this](RawConnection& connection, int /*number*/) {
        while (!connection.request().empty()) {
            const std::scoped_lock lock(mutex_);
            connection.answer(status_, body_);
            ++asked;
        }
    }};
};

}  // namespace

TEST_CASE("keys in a file are taken up when it changes, and the last good ones stay") {
    Place place;
    const SigningKey old = SigningKey::ed25519();
    const SigningKey next = SigningKey::ed25519();
    Place::write(place.jwks, jwks_of(old.jwk("old")));
    KeySource source({.jwks = place.jwks}, place.clock);
    CHECK(takes(source, token_by(old, "old")));
    CHECK_FALSE(takes(source, token_by(next, "next")));

    const auto before = source.generation();
    source.look();
    CHECK_EQ(source.generation(), before);

    // A rotation: both for a while, then the new one.
    Place::replace(place.jwks, jwks_of(old.jwk("old") + "," + next.jwk("next")));
    source.look();
    CHECK(takes(source, token_by(old, "old")));
    CHECK(takes(source, token_by(next, "next")));
    CHECK_GT(source.generation(), before);

    const auto both = source.generation();
    Place::replace(place.jwks, "{\"keys\":[");
    source.look();
    std::filesystem::remove(place.jwks);
    source.look();
    CHECK(takes(source, token_by(next, "next")));
    CHECK_EQ(source.generation(), both);

    Place::replace(place.jwks, jwks_of(next.jwk("next")));
    source.look();
    CHECK_FALSE(takes(source, token_by(old, "old")));
    CHECK(takes(source, token_by(next, "next")));
}

TEST_CASE("a process does not start with keys that cannot be read") {
    Place place;
    CHECK_THROWS(KeySource({.jwks = place.jwks}, place.clock));
    Place::write(place.jwks, "{}");
    CHECK_THROWS(KeySource({.jwks = place.jwks}, place.clock));
    CHECK_THROWS(KeySource({.secret_file = place.secret}, place.clock));
    Place::write(place.secret, "too short\n");
    CHECK_THROWS(KeySource({.secret_file = place.secret}, place.clock));
    CHECK_THROWS(KeySource({.secret_file = place.directory.path()}, place.clock));
    for (const char* url :
         {"http://id.example/jwks", "http://10.0.0.1/jwks", "ftp://localhost/", "http://"}) {
        CHECK_THROWS(KeySource({.jwks = url}, place.clock));
    }
}

TEST_CASE("a secret is the bytes of its file but for a line break at the end") {
    Place place;
    const std::string bytes = "0123456789abcdef0123456789abcdef";
    const auto token = auth::make_token(
        {.subject = {}, .roles = {}, .expires_s = VirtualClock::start_ms / 1000},
        auth::Key::secret(bytes).value(),
        {}
    );
    for (const std::string& text : {bytes, bytes + "\n", bytes + "\r\n"}) {
        Place::write(place.secret, text);
        CHECK(takes(KeySource({.secret_file = place.secret}, place.clock), token));
    }
    Place::write(place.secret, bytes + "\n\n");
    CHECK_FALSE(takes(KeySource({.secret_file = place.secret}, place.clock), token));
}

TEST_CASE("keys at a URL are asked for again when a token names another, once a minute at most") {
    Place place;
    const SigningKey old = SigningKey::ed25519();
    const SigningKey next = SigningKey::ed25519();
    Issuer issuer;
    issuer.has(jwks_of(old.jwk("old")));
    const auto url = issuer.url() + "/realm/jwks?a=b";
    KeySource source({.jwks = url}, place.clock);
    REQUIRE(eventually([&] { return takes(source, token_by(old, "old")); }));

    issuer.has(jwks_of(next.jwk("next")));
    for (int i = 0; i < 10; ++i) {
        source.look_for_another();
        source.look();
    }
    CHECK_EQ(issuer.asked, 1);
    place.clock.advance(KeySource::again_ms);
    source.look();
    for (int i = 0; i < 10; ++i) {
        source.look_for_another();
    }
    REQUIRE(eventually([&] { return takes(source, token_by(next, "next")); }));
    CHECK_EQ(issuer.asked, 2);
    CHECK_FALSE(takes(source, token_by(old, "old")));

    // It is down, or says something else: the last good keys stay.
    for (const std::string_view bad : {"", "{}", "<html>"}) {
        const int before = issuer.asked;
        issuer.has(bad, bad.empty() ? 503 : 200);
        place.clock.advance(KeySource::refresh_ms);
        source.look();
        REQUIRE(eventually([&] { return issuer.asked == before + 1; }));
    }
    CHECK(takes(source, token_by(next, "next")));
}

TEST_CASE("an issuer that is not there yet is asked until it is") {
    Place place;
    Issuer issuer;
    issuer.has("", 503);
    const SigningKey key = SigningKey::ed25519();
    KeySource source({.jwks = issuer.url()}, place.clock);
    REQUIRE(eventually([&] { return issuer.asked == 1; }));
    CHECK_FALSE(source.has_any());
    issuer.has(jwks_of(key.jwk("a")));
    place.clock.advance(KeySource::first_again_ms - 1);
    source.look();
    place.clock.advance(1);
    source.look();
    REQUIRE(eventually([&] { return source.has_any(); }));
    CHECK_EQ(issuer.asked, 2);
    CHECK(takes(source, token_by(key, "a")));
}

}  // namespace bookstore::test
