#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "auth/authenticator.hpp"
#include "support/signing_key.hpp"
#include "support/temporary_directory.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

/// An authentication by keys in a file.
struct Doorman {
    TemporaryDirectory directory;
    std::string path = directory.path() + "/jwks.json";
    VirtualClock clock;
    SigningKey key = SigningKey::ed25519();
    std::unique_ptr<auth::KeySource> keys;
    std::unique_ptr<auth::Authenticator> authenticator;

    Doorman() {
        have({&key});
        keys = std::make_unique<auth::KeySource>(auth::KeyPlaces{.jwks = path}, clock);
        authenticator = std::make_unique<auth::Authenticator>(auth::Policy{}, *keys, clock);
    }

    void have(const std::vector<const SigningKey*>& held) const {
        std::string set;
        for (const SigningKey* each : held) {
            set += (set.empty() ? "" : ",") + each->jwk("");
        }
        std::ofstream(path + ".new") << jwks_of(set);
        std::filesystem::rename(path + ".new", path);
    }
    std::string token(std::int64_t seconds, std::string_view subject = "kim") const {
        return token_of(
            key,
            fmt::format(
                R"({{"sub":"{}","roles":["courier"],"exp":{}}})",
                subject,
                clock.now_ms() / 1000 + seconds
            )
        );
    }
    /// The subject; or the status, and what WWW-Authenticate says after the realm.
    std::string says(const std::vector<std::string>& fields) const {
        http::Request request;
        for (const std::string& field : fields) {
            request.headers.push_back({"authorization", field});
        }
        const auto identity = authenticator->identify(request);
        if (identity) {
            return (*identity)->subject;
        }
        constexpr std::string_view realm = "Bearer realm=\"bookstore\"";
        const std::string& challenge = identity.error().headers.at(0).value;
        return fmt::format("{}{}", identity.error().status, challenge.substr(realm.size()));
    }
};

}  // namespace

TEST_CASE("a token comes in one Authorization field, as Bearer") {
    const Doorman door;
    const std::string token = door.token(60);
    CHECK_EQ(door.says({"Bearer " + token}), "kim");
    CHECK_EQ(door.says({"bEARER   " + token}), "kim");
    CHECK_EQ(door.says({}), "401");
    for (const std::string& other :
         {std::string(),
          std::string("Basic a2ltOmtpbQ=="),
          token,
          "Token " + token,
          "BearerX " + token}) {
        CHECK_EQ(door.says({other}), "401");
    }
    CHECK_EQ(
        door.says({"Bearer " + token, "Bearer " + token}),
        "401, error=\"invalid_token\", error_description=\"there are several Authorization fields\""
    );
    for (const std::string& bad :
         {std::string("Bearer"),
          std::string("Bearer "),
          "Bearer x" + token,
          "Bearer " + token + " " + token,
          "Bearer\t" + token}) {
        CHECK(door.says({bad}).starts_with("401"));
    }
    CHECK_EQ(
        door.says({"Bearer " + door.token(-30)}),
        "401, error=\"invalid_token\", error_description=\"it has expired\""
    );
}

TEST_CASE("a token that is known is not known any longer than it is valid") {
    Doorman door;
    const std::string token = door.token(60);
    for (int i = 0; i < 3; ++i) {
        CHECK_EQ(door.says({"Bearer " + token}), "kim");
    }
    door.clock.advance(89'000);
    CHECK_EQ(door.says({"Bearer " + token}), "kim");
    door.clock.advance(1'000);
    CHECK(door.says({"Bearer " + token}).starts_with("401"));
}

TEST_CASE("a token that is known is not taken any more when its key has gone") {
    Doorman door;
    const std::string token = door.token(60);
    CHECK_EQ(door.says({"Bearer " + token}), "kim");
    const SigningKey other = SigningKey::ed25519();
    door.have({&door.key, &other});
    door.keys->look();
    CHECK_EQ(door.says({"Bearer " + token}), "kim");
    door.have({&other});
    door.keys->look();
    CHECK(door.says({"Bearer " + token}).starts_with("401"));
}

TEST_CASE("tokens that are known are told apart, however many there are") {
    const Doorman door;
    std::vector<std::string> tokens;
    for (int i = 0; i < 2'000; ++i) {
        tokens.push_back(door.token(60, fmt::to_string(i)));
    }
    const auto all_are_right = [&](std::size_t begin, std::size_t step) {
        for (std::size_t i = begin; i < tokens.size(); i += step) {
            if (door.says({"Bearer " + tokens[i]}) != fmt::to_string(i)) {
                return false;
            }
        }
        return true;
    };
    CHECK(all_are_right(0, 1));
    bool right[2] = {};
    {
        const std::jthread one([&] { right[0] = all_are_right(0, 2); });
        const std::jthread two([&] { right[1] = all_are_right(1, 3); });
    }
    CHECK(right[0]);
    CHECK(right[1]);
}

}  // namespace bookstore::test
