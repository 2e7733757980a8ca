#include "modules/delivery/routes.hpp"

#include <fmt/format.h>

#include "kernel/fields.hpp"
#include "kernel/paging.hpp"
#include "modules/delivery/events.hpp"
#include "modules/delivery/store.hpp"

namespace bookstore::delivery {
namespace {

using bus::UnitOfWork;
using http::Answer;
using http::Method;
using http::Request;
using kernel::Next;
using kernel::Write;

/// What a courier may change.
struct Move {
    std::string delivery_status;
};

const kernel::Fields<Move>& move_fields() {
    static const auto fields = kernel::Fields<Move>().word(
        "deliveryStatus", &Move::delivery_status, {courier_words.begin(), courier_words.end()}
    );
    return fields;
}

/// GET /deliveries
Answer list_deliveries(const Request& request, storage::Connection& db) {
    return store::pages.answer(
        request,
        deliveries,
        db,
        [](kernel::CollectionWriter& writer, storage::Statement& row) {
            const Delivery delivery = store::delivery_in(row);
            writer.add(delivery.id, delivery);
        }
    );
}

/// GET /deliveries/{id}
Answer show_delivery(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto delivery = store::find(db, *id);
    if (!delivery) {
        return kernel::not_found(deliveries, *id);
    }
    return kernel::item_response(request, deliveries, *id, *delivery);
}

/// GET /deliveries/search/findFirstByOrderId?orderId=N
Answer find_by_order(const Request& request, storage::Connection& db) {
    const auto id = kernel::query_id(request, "orderId");
    if (!id) {
        return id.error();
    }
    const auto delivery = store::find_of_order(db, *id);
    if (!delivery) {
        return kernel::problem(404, fmt::format("there is no delivery of order {}", *id));
    }
    return kernel::item_response(request, deliveries, delivery->id, *delivery);
}

/// PUT and PATCH of /deliveries/{id}: a courier moves it on; DeliveryStatusChanged unless it is
/// there already. 409 before it was shipped and after it was canceled.
Next move_delivery(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return {id.error()};
    }
    if (!store::find(db, *id)) {
        return {kernel::not_found(deliveries, *id)};
    }
    Move move;
    const bool patch = request.method == Method::patch;
    if (auto problem =
            patch ? move_fields().patch(request, move) : move_fields().replace(request, move)) {
        return {*problem};
    }
    return {Write{[&request, id = *id, move](UnitOfWork& work) -> Answer {
        Delivery delivery = store::find(work.db(), id).value();
        const auto wanted = parse_word<DeliveryStatus>(move.delivery_status);
        if (!wanted) {  // a PATCH that says nothing changes nothing
            return kernel::item_response(request, deliveries, id, delivery);
        }
        if (!courier_may_move(delivery.delivery_status)) {
            return kernel::problem(
                409,
                fmt::format(
                    "delivery {} is {}; {}",
                    id,
                    word(delivery.delivery_status),
                    delivery.delivery_status == DeliveryStatus::create_delivery
                        ? "its order is not prepared yet"
                        : "its order was canceled"
                )
            );
        }
        if (delivery.delivery_status != *wanted) {
            delivery.delivery_status = *wanted;
            store::set_status(work.db(), id, *wanted);
            work.publish(DeliveryStatusChanged{id, delivery.order_id, std::string(word(*wanted))});
        }
        return kernel::item_response(request, deliveries, id, delivery);
    }}};
}

}  // namespace

void add_routes(kernel::Module& module) {
    module.query(Method::get, "/deliveries", list_deliveries);
    module.query(Method::get, "/deliveries/{id}", show_delivery);
    module.query(Method::get, "/deliveries/search/findFirstByOrderId", find_by_order);
    kernel::add_search(module, deliveries, {{"findFirstByOrderId", "{?orderId}"}});
    module.command(Method::put, "/deliveries/{id}", move_delivery);
    module.command(Method::patch, "/deliveries/{id}", move_delivery, http::Consumes::merge_patch);
}

}  // namespace bookstore::delivery
