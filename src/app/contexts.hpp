#pragma once

#include "adapters/order_ports.hpp"
#include "adapters/van_port.hpp"
#include "host/system.hpp"
#include "modules/payment/module.hpp"
#include "modules/van/van.hpp"

namespace bookstore::app {

/// What the contexts are told by flags.
struct ContextOptions {
    adapters::OrderPortOptions order_ports{};
    adapters::VanPortOptions van_port{};
    payment::Options payment{};
    van::Options van{};
};

/// The contexts of the bookstore, in the order in which they start: the one list of them, from
/// which everything else is derived.
host::Contexts contexts(const ContextOptions& options = {});

}  // namespace bookstore::app
