#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token.hpp"
#include "base/clock.hpp"
#include "http/message.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {

/// Makes the tokens of a bookstore that knows its secret.
class Tokens {
  public:
    Tokens() { std::ofstream(secret_file(), std::ios::binary) << secret_ << '\n'; }

    std::string secret_file() const { return directory_.path() + "/secret"; }
    /// --auth jwt with that secret, and more.
    std::vector<std::string> flags(std::vector<std::string> more = {}) const {
        std::vector<std::string> all{"--auth", "jwt", "--auth-secret-file", secret_file()};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    /// "customer-operator", or "customer 7"; which expires so many seconds from now on.
    std::string token(std::string_view role, std::int64_t seconds = 3600) const {
        const std::size_t blank = role.find(' ');
        const bool has_id = blank != std::string_view::npos;
        const std::int64_t now_s = SystemClock().now_ms() / 1000;
        return auth::make_token(
            {.subject = std::string(role),
             .roles = http::role_of(role.substr(0, blank)).value(),
             .customer = has_id ? std::stoll(std::string(role.substr(blank + 1))) : 0,
             .issued_s = now_s - 3600,
             .expires_s = now_s + seconds},
            auth::Key::secret(secret_).value(),
            {}
        );
    }
    http::Header header(std::string_view role, std::int64_t seconds = 3600) const {
        return {"Authorization", "Bearer " + token(role, seconds)};
    }

  private:
    const std::string secret_ = "of nobody's, and long enough to be one";
    TemporaryDirectory directory_;
};

}  // namespace bookstore::test
