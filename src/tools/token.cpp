#include "auth/token.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "auth/key_source.hpp"
#include "base/clock.hpp"
#include "tools/auth_flags.hpp"
#include "tools/flag_values.hpp"
#include "tools/options.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

struct Options {
    std::vector<std::string> roles;
    std::int64_t customer = 0;
    std::string subject;
    std::string ttl = "1h";
    AuthFlags auth;
};

int run(const Options& options) {
    if (options.auth.secret_file.empty()) {
        throw std::runtime_error(
            "a token is signed by a secret: add --auth-secret-file FILE, the one that serve has "
            "(openssl rand -base64 48 > FILE makes one)"
        );
    }
    auth::NewToken token;
    for (const std::string& word : options.roles) {
        token.roles.add(http::role_of(word).value());
    }
    if (token.roles.has(http::Role::customer) != (options.customer > 0)) {
        throw std::runtime_error(
            "--role customer and --customer ID go together: it names the customer whose things he "
            "may see"
        );
    }
    token.customer = options.customer;
    token.subject = options.subject;
    if (token.subject.empty()) {
        token.subject = options.customer > 0 ? fmt::format("customer-{}", options.customer)
                                             : options.roles.front();
    }
    const std::int64_t ttl_s =
        read_amount("--ttl", options.ttl, {{"d", 86'400}, {"h", 3'600}, {"m", 60}, {"s", 1}});
    token.issued_s = SystemClock().now_ms() / 1000;
    token.expires_s = token.issued_s + ttl_s;
    const auth::Key secret = auth::read_secret(options.auth.secret_file);
    fmt::print("{}\n", auth::make_token(token, secret, read_policy(options.auth)));
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

Run declare_token(CLI::App& app, const Program& /*program*/) {
    auto options = std::make_unique<Options>();
    const std::vector<std::string> words(http::role_words.begin(), http::role_words.end());
    app.add_option("--role", options->roles, "What who has the token may be; several by comma")
        ->delimiter(',')
        ->required()
        ->check(CLI::IsMember(words));
    app.add_option("--customer", options->customer, "With --role customer: which one he is")
        ->check(CLI::PositiveNumber);
    app.add_option(
        "--subject", options->subject, "Who it is, for logs; otherwise made of the role"
    );
    app.add_option("--ttl", options->ttl, "How long it is good: 30s, 15m, 1h, 7d")
        ->capture_default_str();
    add_token_flags(app, options->auth);
    return [options = std::move(options)] { return run(*options); };
}

}  // namespace bookstore::tools
