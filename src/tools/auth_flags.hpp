#pragma once

#include <optional>
#include <string>

#include "app/serve.hpp"

namespace CLI {
class App;
}

namespace bookstore::tools {

/// --auth and what belongs to it, as they were given.
struct AuthFlags {
    std::string kind = "none";
    std::string jwks{};
    std::string secret_file{};
    std::string issuer{};
    std::string audience{};
    std::string roles_claim = "roles";
    std::string customer_claim = "customer_id";
};

/// What tokens must say, which whoever makes them asks for, too: --auth-secret-file, --auth-issuer,
/// --auth-audience, --auth-roles-claim and --auth-customer-claim.
void add_token_flags(CLI::App& app, AuthFlags& flags);
/// All of them.
void add_auth_flags(CLI::App& app, AuthFlags& flags);

auth::Policy read_policy(const AuthFlags& flags);
/// Nothing of --auth none. Throws std::runtime_error that names the flag which is missing or too
/// much.
std::optional<app::AuthOptions> read_auth_flags(const AuthFlags& flags);

}  // namespace bookstore::tools
