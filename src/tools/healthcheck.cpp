#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

struct Options {
    ServerPlace server;
    std::int64_t timeout_ms = 2000;
};

int run(const Options& options) {
    const ServerClient client(options.server);
    const auto answer = client.send(
        {.target = "/isHealthy", .timeout = std::chrono::milliseconds(options.timeout_ms)}
    );
    if (answer.status != 200) {
        throw client.failure(answer.status, answer.body);
    }
    return 0;
}

}  // namespace

Run declare_healthcheck(CLI::App& app, const Program& /*program*/) {
    auto options = std::make_unique<Options>();
    add_server(app, options->server);
    add_setting(app, "--timeout", options->timeout_ms, "ms to wait for the answer")
        ->check(CLI::Range(1, most_ms));
    return [options = std::move(options)] { return run(*options); };
}

}  // namespace bookstore::tools
