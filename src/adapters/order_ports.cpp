#include "adapters/order_ports.hpp"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "adapters/resource_proof.hpp"
#include "kernel/hosted_module.hpp"
#include "modules/customer/module.hpp"
#include "modules/inventory/module.hpp"

namespace bookstore::adapters {
namespace {

using order::Found;
using Port = std::function<void(std::int64_t id, std::function<void(Found)> done)>;
using Has = bool (*)(storage::Connection&, std::int64_t id);

/// Asks the context of this process; null: it is not hosted.
Port port_in_process(kernel::HostedModule* module, Has has) {
    return [module, has](std::int64_t id, const std::function<void(Found)>& done) {
        if (module == nullptr || !module->available()) {
            done(Found::unavailable);
            return;
        }
        Found found = Found::unavailable;
        try {
            const storage::Reader reader = module->database().read();
            found = has(*reader, id) ? Found::yes : Found::no;
        } catch (const storage::Error&) {
            found = Found::unavailable;
        }
        done(found);
    };
}

Port port_over_http(HttpPort& port, std::string_view collection, std::string_view singular) {
    return [&port, collection, singular](std::int64_t id, std::function<void(Found)> done) {
        const ResourceName name{.collection = collection, .singular = singular, .id = id};
        http::PeerRequest request{
            .method = http::Method::get,
            .target = fmt::format("{}/{}", collection, id),
            .headers = {{"Accept", "application/json"}}
        };
        port.call(
            std::move(request),
            [name](const http::ClientResponse& response) { return is_proven(response, name); },
            [done = std::move(done)](const HttpPort::Reply& reply) {
                if (reply.response == nullptr) {
                    done(Found::unavailable);
                } else {
                    done(reply.response->status == 200 ? Found::yes : Found::no);
                }
            }
        );
    };
}

}  // namespace

order::Ports order_ports(
    kernel::Wiring& wiring, const OrderPortOptions& options, const Clock& clock
) {
    const auto port_to = [&](std::string_view context,
                             const std::optional<http::Url>& origin,
                             std::string_view collection,
                             std::string_view singular,
                             Has has) {
        if (!origin) {
            return port_in_process(wiring.hosted(context), has);
        }
        HttpPortOptions http = options.http;
        http.origin = *origin;
        auto& port = wiring.offer("order", std::make_shared<HttpPort>(context, http, clock));
        port.when_back(wiring.retry_waiting_of("order"));
        wiring.note_breaker("order", context, *port.breaker());
        return port_over_http(port, collection, singular);
    };
    return {
        .has_customer =
            port_to("customer", options.customer, "/customers", "customer", customer::has_customer),
        .has_book = port_to("inventory", options.inventory, "/books", "book", inventory::has_book)
    };
}

}  // namespace bookstore::adapters
