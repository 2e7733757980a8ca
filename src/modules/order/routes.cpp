#include "modules/order/routes.hpp"

#include <fmt/format.h>

#include "base/key.hpp"
#include "bus/held_table.hpp"
#include "kernel/collection.hpp"
#include "kernel/schema.hpp"
#include "modules/order/events.hpp"
#include "modules/order/store.hpp"
#include "modules/order/verification.hpp"

namespace bookstore::order {
namespace {

using bus::UnitOfWork;
using http::Answer;
using http::Request;
using http::Role;
using kernel::Ask;
using kernel::Continue;
using kernel::Next;
using kernel::Write;

const kernel::Fields<Order>& order_fields() {
    static const auto fields = kernel::Fields<Order>()
                                   .integer("bookId", &Order::book_id, 1)
                                   .integer("customerId", &Order::customer_id, 1)
                                   .integer("quantity", &Order::quantity, 1)
                                   .text("deliveryAddress", &Order::delivery_address)
                                   .money("payAmount", &Order::pay_amount)
                                   .text("payType", &Order::pay_type);
    return fields;
}

/// What the order's state allows, and where the rest of its story stands.
kernel::Links links_of(const Order& order) {
    kernel::Links links;
    if (after_cancel(order.order_status)) {
        links.push_back({"cancel", "/orders/", order.id});
    }
    if (unverified(order.order_status)) {
        links.push_back({"verify", "/orders/", order.id, "/verification"});
    }
    links.push_back({"customer", "/customers/", order.customer_id});
    links.push_back({"book", "/books/", order.book_id});
    if (order.was_ordered) {
        links.push_back({"delivery", "/deliveries/search/findFirstByOrderId?orderId=", order.id});
        links.push_back({"payment", "/payments/search/findByOrderId?orderId=", order.id});
        links.push_back({"deliverable", "/deliverables/search/findByOrderId?orderId=", order.id});
        links.push_back({"myPage", "/myPages/search/findByOrderId?orderId=", order.id});
    }
    return links;
}

const kernel::Items<Order> order_items{
    .read = store::order_in,
    .find = store::find,
    .links = links_of,
    .owner = [](const Order& order) { return order.customer_id; },
    .rels =
        {"cancel", "verify", "customer", "book", "delivery", "payment", "deliverable", "myPage"},
    .example =
        {.id = 1,
         .book_id = 1,
         .customer_id = 1,
         .quantity = 100,
         .delivery_address = "busan si",
         .order_status = OrderStatus::ordered,
         .pay_amount = Money::from_cents(100'000),
         .pay_type = "ONCE",
         .was_ordered = true}
};

http::Response shown(const Request& request, const Order& order, int status = 200) {
    return kernel::item_response(request, orders, order.id, order, links_of(order), status);
}

http::Problem negative_answer(const Order& order, const Verdict& verdict) {
    http::Problem problem{.status = 400, .message = {}};
    const auto add = [&problem](std::string_view field, std::string_view what, std::int64_t id) {
        problem.errors.push_back(
            {std::string(field), fmt::format("there is no {} {}", what, id), std::to_string(id)}
        );
    };
    if (verdict.book == Found::no) {
        add("bookId", "book", order.book_id);
    }
    if (verdict.customer == Found::no) {
        add("customerId", "customer", order.customer_id);
    }
    problem.message = problem.errors.size() == 1 ? "1 field is invalid" : "2 fields are invalid";
    return problem;
}

/// Stores what the verdict makes of the order; publishes Ordered if it makes it ORDERED.
Answer store_order(const Request& request, UnitOfWork& work, Order order) {
    order.was_ordered = order.order_status == OrderStatus::ordered;
    const auto verify_at = order.was_ordered ? std::nullopt : std::optional(work.now_ms() + 1'000);
    order.id = store::insert(work.db(), order, verify_at, work.trace());
    if (order.was_ordered) {
        publish_ordered(work, order);
    } else {
        store::note_untold(work.db(), order.id, work.now_ms(), "place", work.trace());
    }
    return shown(request, order, 201);
}

/// Asks customer and book inventory. Both say yes: ORDERED, and Ordered is published. One says
/// there is none: 400, nothing is stored. One does not answer: stored, unverified.
Next place_order(const Ports& ports, const Request& request, Order order) {
    return {Ask{[&ports, &request, order = std::move(order)](Continue go_on) mutable {
        const std::int64_t customer_id = order.customer_id;
        const std::int64_t book_id = order.book_id;
        ask_both(
            ports,
            customer_id,
            book_id,
            [&request, order = std::move(order), go_on = std::move(go_on)](Verdict verdict
            ) mutable {
                if (verdict.negative()) {
                    go_on({negative_answer(order, verdict)});
                    return;
                }
                order.order_status = verdict.status();
                go_on({Write{[&request, order = std::move(order)](UnitOfWork& work) -> Answer {
                    return store_order(request, work, order);
                }}});
            }
        );
    }}};
}

/// Cancels; 409 when it is prepared already, canceled before, or when an event of it is held here,
/// so that its state is stale.
std::optional<http::Problem> cancel_order(UnitOfWork& work, const Order& order) {
    if (bus::HeldTable("order").has(work.db(), text_of(Key{"order", order.id}))) {
        return kernel::problem(
            409,
            fmt::format(
                "order {} cannot be canceled now: an event of it is held, so its state here "
                "({}) may be stale; try again when the event was handled",
                order.id,
                word(order.order_status)
            )
        );
    }
    const auto status = after_cancel(order.order_status);
    if (!status) {
        return kernel::problem(
            409,
            fmt::format(
                "order {} is {}; only an order that is ORDERED or not verified can be canceled",
                order.id,
                word(order.order_status)
            )
        );
    }
    store::end_verification(work.db(), order.id, *status, order.was_ordered);
    if (order.was_ordered) {
        work.publish(OrderCanceled{order.id, std::string(word(*status))});
    } else {
        store::note_untold(work.db(), order.id, work.now_ms(), "cancel", work.trace());
    }
    return std::nullopt;
}

http::Problem not_unverified(const Order& order) {
    return kernel::problem(
        409,
        fmt::format(
            "order {} is {}; only an unverified order is verified",
            order.id,
            word(order.order_status)
        )
    );
}

/// How a verification that a client asked for goes on.
Next after_asking(const Request& request, const Order& order, const Verdict& verdict) {
    if (verdict.negative()) {
        const auto problem = negative_answer(order, verdict);
        return {kernel::problem(
            409, fmt::format("order {} stays unverified: {}", order.id, problem.errors[0].message)
        )};
    }
    if (verdict.status() != OrderStatus::ordered) {
        return {kernel::unavailable(fmt::format(
            "the {} context does not answer; the order stays unverified and is asked for again",
            verdict.customer == Found::unavailable ? "customer" : "inventory"
        ))};
    }
    return {Write{[&request, id = order.id](UnitOfWork& work) -> Answer {
        if (!make_ordered(work, id)) {
            return not_unverified(store::find(work.db(), id).value());
        }
        return shown(request, store::find(work.db(), id).value());
    }}};
}

/// POST /orders/{id}/verification asks again: 200 when it became ORDERED; 409 when there is no such
/// customer or book or it is not unverified; 503 when one of them does not answer.
Next verify_order(const Ports& ports, const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return {id.error()};
    }
    const auto order = store::find(db, *id);
    if (!order || kernel::is_hidden(request, order->customer_id)) {
        return {kernel::not_found(orders, *id)};
    }
    if (!unverified(order->order_status)) {
        return {not_unverified(*order)};
    }
    return {Ask{[&ports, &request, order = *order](Continue go_on) {
        ask_both(
            ports,
            order.customer_id,
            order.book_id,
            [&request, order, go_on = std::move(go_on)](Verdict verdict) {
                go_on(after_asking(request, order, verdict));
            }
        );
    }}};
}

void add_verification(kernel::Module& module, const Ports& ports) {
    kernel::Endpoint verify{.route = {.audience = Role::customer}};
    verify.route.method = http::Method::post;
    verify.route.pattern = "/orders/{id}/verification";
    verify.operation = {
        .tag = "orders",
        .id = "verifyOrder",
        .summary = "Ask again for an unverified order",
        .replies =
            {{.status = 200,
              .description = "the order, which is ORDERED now",
              .type = "hal",
              .schema = kernel::schema_named("Order"),
              .headers = {"ETag"}},
             {.status = 404, .description = "there is no such order"},
             {.status = 409,
              .description = "there is no such customer or book, or the order is not unverified"},
             {.status = 503, .description = "customer or book inventory does not answer"}}
    };
    module.command(
        std::move(verify),
        [ports](const Request& request, const storage::Reader& reader) {
            return verify_order(ports, request, *reader);
        }
    );
}

}  // namespace

void add_routes(kernel::Module& module, const Ports& ports) {
    kernel::Collection<Order>(
        module, orders, order_items, {Role::customer | Role::customer_operator, Role::customer}
    )
        .list(store::order_pages, &store::orders_of_customer)
        .show()
        .find_pages("findByCustomerId", "customerId", store::orders_of_customer)
        .create(
            order_fields(),
            {.id = "placeOrder",
             .summary = "Place an order",
             .description = "Customer and book are asked for first: 400 when there is no such one. "
                            "When their context does not answer, the order is stored unverified, "
                            "and verified later."},
            [ports](const Request& request, Order order) {
                return place_order(ports, request, std::move(order));
            }
        )
        .remove(
            {.id = "cancelOrder",
             .summary = "Cancel an order",
             .description = "Its stock and its money come back. It stays readable, as CANCELED.",
             .replies =
                 {{.status = 409, .description = "it is prepared already, or was canceled before"}}
            },
            cancel_order
        );
    add_verification(module, ports);
}

}  // namespace bookstore::order
