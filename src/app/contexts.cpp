#include "app/contexts.hpp"

#include "modules/customer/module.hpp"
#include "modules/delivery/module.hpp"
#include "modules/inventory/module.hpp"
#include "modules/order/module.hpp"
#include "modules/payment_history/module.hpp"
#include "modules/van/module.hpp"

namespace bookstore::app {

host::Contexts contexts(const ContextOptions& options) {
    const auto order_ports = [ports = options.order_ports](auto& wiring, const Clock& clock) {
        return adapters::order_ports(wiring, ports, clock);
    };
    const auto van_port = [port = options.van_port](auto& wiring, const Clock& clock) {
        return adapters::van_port(wiring, port, clock);
    };
    return {
        customer::context(),
        inventory::context(),
        order::context(order_ports),
        delivery::context(),
        payment::context(van_port, options.payment),
        payment_history::context(),
        van::context(options.van),
    };
}

}  // namespace bookstore::app
