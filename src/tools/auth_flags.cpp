#include "tools/auth_flags.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "tools/options.hpp"

namespace bookstore::tools {
namespace {

void require(bool holds, const char* otherwise) {
    if (!holds) {
        throw std::runtime_error(otherwise);
    }
}

}  // namespace

void add_token_flags(CLI::App& app, AuthFlags& flags) {
    add_setting(
        app,
        "--auth-secret-file",
        flags.secret_file,
        "File whose bytes (32 or more) sign and verify tokens of HS256; who has it makes tokens"
    );
    add_setting(app, "--auth-issuer", flags.issuer, "What a token's iss must be; empty: anything");
    add_setting(
        app,
        "--auth-audience",
        flags.audience,
        "What a token's aud must have; empty: it must have none"
    );
    add_setting(
        app,
        "--auth-roles-claim",
        flags.roles_claim,
        "Where a token has its roles; a path by dots, such as realm_access.roles"
    );
    add_setting(
        app,
        "--auth-customer-claim",
        flags.customer_claim,
        "Where it names the customer; a path as well"
    );
}

void add_auth_flags(CLI::App& app, AuthFlags& flags) {
    add_setting(
        app, "--auth", flags.kind, "none: whoever asks may; jwt: by the roles of bearer tokens"
    )
        ->check(CLI::IsMember({"none", "jwt"}));
    add_setting(
        app,
        "--auth-jwks",
        flags.jwks,
        "The issuer's public keys (JWK set): a file, or an https URL; http on this machine"
    );
    add_token_flags(app, flags);
}

auth::Policy read_policy(const AuthFlags& flags) {
    require(!flags.roles_claim.empty(), "--auth-roles-claim is empty: name a claim, such as roles");
    require(
        !flags.customer_claim.empty(),
        "--auth-customer-claim is empty: name a claim, such as customer_id"
    );
    return {
        .issuer = flags.issuer,
        .audience = flags.audience,
        .roles_claim = flags.roles_claim,
        .customer_claim = flags.customer_claim
    };
}

std::optional<app::AuthOptions> read_auth_flags(const AuthFlags& flags) {
    if (flags.kind == "none") {
        require(
            flags.jwks.empty() && flags.secret_file.empty() && flags.issuer.empty() &&
                flags.audience.empty(),
            "--auth-jwks, --auth-secret-file, --auth-issuer and --auth-audience say how tokens are "
            "verified, and none is asked for: add --auth jwt"
        );
        return std::nullopt;
    }
    require(
        !flags.jwks.empty() || !flags.secret_file.empty(),
        "--auth jwt has no key to verify tokens with: add --auth-jwks FILE or an https URL of your "
        "issuer, or --auth-secret-file FILE and make tokens by: bookstore token"
    );
    require(
        flags.jwks.empty() || (!flags.issuer.empty() && !flags.audience.empty()),
        "--auth-jwks takes whatever the issuer has signed, for others too: add --auth-issuer and "
        "--auth-audience"
    );
    return app::AuthOptions{
        .keys = {.jwks = flags.jwks, .secret_file = flags.secret_file}, .policy = read_policy(flags)
    };
}

}  // namespace bookstore::tools
