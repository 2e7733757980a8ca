#include "app/certificate.hpp"

#include <spdlog/spdlog.h>

#include <cstdint>

#include "base/clock.hpp"

namespace bookstore::app {
namespace {

constexpr std::int64_t warned_before_s = 14 * 86'400;
constexpr std::chrono::hours between_warnings{24};

}  // namespace

void Certificate::look() {
    const auto taken = server_.look_at_tls_files();
    if (taken && *taken) {
        spdlog::info(
            "the certificate is taken anew for new connections: it is valid until {}",
            iso_timestamp(server_.tls_status()->expires_s * 1000)
        );
        warns_again_ = {};
    } else if (taken) {
        spdlog::warn(
            "the files of the certificate have changed, and what was served goes on to be: {}",
            taken->error()
        );
    }
    if (Clock::now() >= warns_again_) {
        warn_of_its_end();
        warns_again_ = Clock::now() + between_warnings;
    }
}

void Certificate::warn_of_its_end() {
    const auto status = server_.tls_status();
    if (!status) {
        return;
    }
    const std::int64_t left_s = status->expires_s - SystemClock().now_ms() / 1000;
    const std::string end = iso_timestamp(status->expires_s * 1000);
    if (left_s <= 0) {
        spdlog::error("the certificate expired at {}: no client that looks at it goes on", end);
    } else if (left_s <= warned_before_s) {
        spdlog::warn("the certificate expires at {}: {} days are left", end, left_s / 86'400);
    }
}

}  // namespace bookstore::app
