#pragma once

#include <optional>

#include "adapters/http_port.hpp"
#include "kernel/context.hpp"
#include "modules/payment/module.hpp"

namespace bookstore::adapters {

/// Where payment asks VAN: in this process, or at an origin.
struct VanPortOptions {
    std::optional<http::Url> van{};
    HttpPortOptions http{};  ///< when it is asked over HTTP; its origin counts for nothing
};

/// The port of the payment context. A VAN that is not hosted does not answer; over HTTP it is
/// POST /requestPayment and /cancelPayment with the payment's key, and what is not one of VAN's
/// words is no answer. Charges and refunds have connections and a room each; only charges wait for
/// a breaker. Payment is told when VAN is back. `wiring` keeps what it needs.
/// Throws storage::Refused when VAN is hosted and its file is older than payment's.
payment::VanPort van_port(
    kernel::Wiring& wiring, const VanPortOptions& options, const Clock& clock
);

}  // namespace bookstore::adapters
