#include "chapters.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <stdexcept>

#include "coverage.hpp"
#include "page.hpp"

// The bookshop's story, a chapter per resource, in the order in which things happen. Before
// something is read, what leads to it has come to its end: the page is the same every time.

namespace bookstore::test {
namespace {

using http::Method;

const http::Header json_type{"Content-Type", "application/json"};
const http::Header merge_patch_type{"Content-Type", "application/merge-patch+json"};

constexpr auto head = R"md(# The API, by example

Every request on this page was sent to a running bookstore, in this order, and every answer is what
came back. `scripts/api-docs` writes the page; a test fails when the program answers otherwise, or
when it has an operation that is not here. The same API is described for machines at
`/openapi.json`, and a browser shows that at `/docs`.

To follow it, start on an empty directory, `scripts/run --data-dir "$(mktemp -d)"`, and paste.
`http` is [httpie](https://httpie.io), whose `=` sends every value as a string; `curl -i` shows the
headers too. JSON is laid out for reading here, the wire has no spaces. `Date`, `X-Request-Id` and
the like are left out, and times are made the same everywhere.)md";

void write_index(Page& page) {
    page.chapter("The index");
    page.say(
        "Everything can be found from here. Bodies are "
        "[HAL](https://datatracker.ietf.org/doc/html/draft-kelly-json-hal): what belongs to a "
        "resource is linked under `_links`, and a link that is `templated` takes the parameters in "
        "its braces."
    );
    page.curl({.target = "/"});
}

// ---- customers

void write_customer_changes(Page& page) {
    page.say("An item carries an `ETag`. Who has it already need not get it again:");
    const auto kim = page.curl({.target = "/customers/2"});
    const std::string tag = header_of(kim, "ETag");
    page.curl({.target = "/customers/2", .headers = {{"If-None-Match", tag}}});
    page.say(
        "PUT replaces the whole. With `If-Match` it does so only while nobody else has changed it:"
    );
    const Curl put{
        .method = Method::put,
        .target = "/customers/2",
        .headers = {{"If-Match", tag}, json_type},
        .body = R"({"customerName":"Kim Yu-shin"})"
    };
    page.curl(put);
    page.say("The same again comes too late, for the tag has changed with the name:");
    page.curl(put);
    page.say("PATCH merges: what it does not name stays.");
    page.curl(
        {.method = Method::patch,
         .target = "/customers/2",
         .headers = {merge_patch_type},
         .body = R"({"customerName":"Kim Yushin"})"}
    );
}

void write_customers(Page& page, Shop& shop) {
    page.chapter("Customers");
    page.say("A customer registers. The answer is 201, with where the customer is now:");
    page.httpie_post("/customers", {{"customerName", "홍길동"}});
    page.say(
        "The same with curl. Whoever does not ask for `application/json`, as httpie does when it "
        "posts, gets `application/hal+json`; the body is the same."
    );
    page.curl(
        {.method = Method::post,
         .target = "/customers",
         .headers = {json_type},
         .body = R"({"customerName":"Kim"})"}
    );
    write_customer_changes(page);
    page.say("A customer who leaves is gone, and the id never comes back:");
    page.curl(
        {.method = Method::post,
         .target = "/customers",
         .headers = {json_type},
         .body = R"({"customerName":"Lee"})"}
    );
    page.curl({.method = Method::del, .target = "/customers/3"});
    page.curl({.target = "/customers/3"});
    page.say(
        "The collection is read a page at a time: `page` from 0, `size` 20 unless told otherwise "
        "and 1000 at most, and `sort` by one property, `,asc` or `,desc` behind it."
    );
    page.curl({.target = "/customers"});
    page.curl({.target = "/customers?size=1&sort=customerName,desc"});
    shop.wait_for_events(6);
}

// ---- books

void write_books(Page& page, Shop& shop) {
    page.chapter("Books");
    page.say("The book manager registers a book and how many there are:");
    page.httpie_post("/books", {{"bookName", "C++"}, {"stock", "150"}});
    page.say("And one that is still to be printed:");
    page.curl(
        {.method = Method::post,
         .target = "/books",
         .headers = {json_type},
         .body = R"({"bookName":"Domain-Driven Design","stock":0})"}
    );
    page.curl({.target = "/books/1"});
    page.say(
        "PUT and PATCH change the name or correct the stock. Raised stock serves the orders that "
        "wait for it, and the answer shows what is left then."
    );
    page.curl(
        {.method = Method::put,
         .target = "/books/1",
         .headers = {json_type},
         .body = R"({"bookName":"The C++ Programming Language","stock":150})"}
    );
    page.curl(
        {.method = Method::patch,
         .target = "/books/1",
         .headers = {merge_patch_type},
         .body = R"({"stock":160})"}
    );
    page.say("A book that is not sold any more:");
    page.curl(
        {.method = Method::post,
         .target = "/books",
         .headers = {json_type},
         .body = R"({"bookName":"Perl","stock":7})"}
    );
    page.curl({.method = Method::del, .target = "/books/3"});
    page.say("Books can be sorted by `bookId`, `bookName` and `stock`.");
    page.curl({.target = "/books?sort=stock,desc"});
    shop.wait_for_events(11);
}

// ---- orders

/// Order 1 is paid, shipped, and in both read models.
void wait_for_first_order(Shop& shop) {
    shop.wait("/orders/1", "orderStatus", "Shipped");
    shop.wait("/paymentHistories/1", "payStatus", "PAYMENT_COMPLETED");
    shop.wait("/myPages/1", "payStatus", "PAYMENT_COMPLETED");
    shop.wait("/myPages/1", "orderStatus", "Shipped");
    shop.wait("/myPages/1", "deliveryStatus", "Shipped");
}

/// That order is paid and waits for its stock.
void wait_for_waiting_order(Shop& shop, int order, int history) {
    shop.wait(fmt::format("/deliverables/{}", order), "status", "Stock_Lacked");
    shop.wait(fmt::format("/deliveries/{}", order), "deliveryStatus", "CreateDelivery");
    shop.wait(fmt::format("/payments/{}", order), "status", "PAYMENT_COMPLETED");
    shop.wait(fmt::format("/paymentHistories/{}", history), "payStatus", "PAYMENT_COMPLETED");
    shop.wait(fmt::format("/myPages/{}", order), "payStatus", "PAYMENT_COMPLETED");
}

/// Order 2, its delivery, its stock and its money are called back.
void wait_for_cancel(Shop& shop) {
    shop.wait("/deliverables/2", "status", "DeliveryCanceled");
    shop.wait("/paymentHistories/3", "payStatus", "PAYMENT_CANCELED");
    shop.wait("/myPages/2", "payStatus", "PAYMENT_CANCELED");
    shop.wait("/myPages/2", "orderStatus", "CANCELED");
    shop.wait("/myPages/2", "deliveryStatus", "CancelDelivery");
}

/// Order 2 is placed twice with one key, and waits.
void write_idempotency(Page& page, Shop& shop) {
    page.say(
        "A client that gets no answer does not know whether its order was taken. With an "
        "`Idempotency-Key`, which any POST may have, it can ask again: the work is done once."
    );
    Curl order{
        .method = Method::post,
        .target = "/orders",
        .headers = {{"Idempotency-Key", "5b1c8f6e"}, json_type},
        .body =
            R"({"bookId":2,"customerId":2,"quantity":30,"deliveryAddress":"seoul","payAmount":12.5})"
    };
    page.curl(order);
    wait_for_waiting_order(shop, 2, 2);
    page.say("The same request again gets the first answer again, and there is no second order:");
    page.curl(order);
    page.say("A key with another body is somebody's mistake:");
    order.body = R"({"bookId":2,"customerId":2,"quantity":3,"deliveryAddress":"seoul"})";
    page.curl(order);
}

void write_cancel(Page& page, Shop& shop) {
    page.say(
        "There is no stock for order 2, so it can still be canceled: its `cancel` link says so."
    );
    page.curl({.method = Method::del, .target = "/orders/2"});
    wait_for_cancel(shop);
    page.say("It stays readable. Its delivery is called back, and its money comes back.");
    page.curl({.target = "/orders/2"});
    page.say("What has been canceled, or is on its way, cannot be canceled:");
    page.curl({.method = Method::del, .target = "/orders/2"});
    page.curl({.method = Method::del, .target = "/orders/1"});
    page.say("Orders are never changed:");
    page.curl(
        {.method = Method::patch,
         .target = "/orders/1",
         .headers = {json_type},
         .body = R"({"quantity":1})"}
    );
}

void write_orders(Page& page, Shop& shop) {
    page.chapter("Orders");
    page.say(
        "A customer orders. Customer and book are looked up first, then the order is `ORDERED` and "
        "on disk; `payAmount` and `payType` may be left out."
    );
    page.httpie_post(
        "/orders",
        {{"bookId", "1"},
         {"customerId", "1"},
         {"quantity", "100"},
         {"deliveryAddress", "busan si"},
         {"payAmount", "1000.0"},
         {"payType", "ONCE"}}
    );
    wait_for_first_order(shop);
    page.say(
        "A moment later it was paid, taken from the stock and shipped, each by its own context, "
        "and cannot be canceled any more: the `cancel` link is gone. The others lead to the rest "
        "of "
        "its story."
    );
    page.curl({.target = "/orders/1"});
    page.say("An order for what does not exist is refused, and all that is wrong is said at once:");
    page.curl(
        {.method = Method::post,
         .target = "/orders",
         .headers = {json_type},
         .body = R"({"bookId":77,"customerId":3,"quantity":1,"deliveryAddress":"busan si"})"}
    );
    write_idempotency(page, shop);
    write_cancel(page, shop);
    page.say("All orders, and those of one customer:");
    page.curl({.target = "/orders?size=1&sort=orderId,desc"});
    page.curl({.target = "/orders/search"});
    page.curl({.target = "/orders/search/findByCustomerId?customerId=2"});
}

// ---- stock and deliveries

void write_stock_inputs(Page& page, Shop& shop) {
    page.chapter("Stock inputs");
    page.say("An order finds too little stock. It is `ORDERED`, and its deliverable waits:");
    page.curl(
        {.method = Method::post,
         .target = "/orders",
         .headers = {json_type},
         .body = R"({"bookId":2,"customerId":1,"quantity":20,"deliveryAddress":"jeju"})"}
    );
    wait_for_waiting_order(shop, 3, 4);
    page.curl({.target = "/deliverables/search/findByOrderId?orderId=3"});
    page.say("As long as somebody waits for a book, it cannot be deleted:");
    page.curl({.method = Method::del, .target = "/books/2"});
    page.say("The book manager puts in what was printed; who took it in charge may be left out:");
    page.httpie_post("/stockInputs", {{"bookId", "2"}, {"quantity", "50"}, {"inCharger", "Kim"}});
    shop.wait("/orders/3", "orderStatus", "Shipped");
    shop.wait("/myPages/3", "deliveryStatus", "Shipped");
    shop.wait("/myPages/3", "orderStatus", "Shipped");
    page.say("The order that waited was served, the oldest one first if there had been several:");
    page.curl({.target = "/deliverables/3"});
    page.curl({.target = "/books/2"});
    page.say("What was put in is kept:");
    page.curl({.target = "/stockInputs/1"});
    page.curl({.target = "/stockInputs"});
}

void write_deliverables(Page& page) {
    page.chapter("Deliverables");
    page.say(
        "A deliverable is what is to be picked for one order: `Delivery_Prepared` when its stock "
        "is taken, `Stock_Lacked` while it waits, `DeliveryCanceled` when its order was canceled."
    );
    page.curl({.target = "/deliverables"});
    page.curl({.target = "/deliverables/1"});
    page.curl({.target = "/deliverables/search"});
    page.curl({.target = "/deliverables/search/findByOrderId?orderId=2"});
}

void write_deliveries(Page& page, Shop& shop) {
    page.chapter("Deliveries");
    page.say(
        "An order makes a delivery, `CreateDelivery` at first. It is `Shipped` by itself when its "
        "deliverable is prepared, and `CancelDelivery` when its order was canceled."
    );
    page.curl({.target = "/deliveries"});
    page.curl({.target = "/deliveries/search"});
    page.curl({.target = "/deliveries/search/findFirstByOrderId?orderId=1"});
    page.say("A courier says where it is: `Shipped`, `InTransit`, `Delivered` or `Returned`.");
    page.curl(
        {.method = Method::patch,
         .target = "/deliveries/1",
         .headers = {merge_patch_type},
         .body = R"({"deliveryStatus":"InTransit"})"}
    );
    page.curl(
        {.method = Method::put,
         .target = "/deliveries/1",
         .headers = {json_type},
         .body = R"({"deliveryStatus":"Delivered"})"}
    );
    shop.wait("/orders/1", "orderStatus", "Delivered");
    shop.wait("/myPages/1", "orderStatus", "Delivered");
    shop.wait("/myPages/1", "deliveryStatus", "Delivered");
    page.curl({.target = "/deliveries/1"});
    page.say("The order follows, and so does My Page. Another word is refused:");
    page.curl(
        {.method = Method::patch,
         .target = "/deliveries/1",
         .headers = {merge_patch_type},
         .body = R"({"deliveryStatus":"Lost"})"}
    );
    page.say("A delivery whose order was canceled does not move, nor one that is not prepared yet:"
    );
    page.curl(
        {.method = Method::patch,
         .target = "/deliveries/2",
         .headers = {merge_patch_type},
         .body = R"({"deliveryStatus":"Shipped"})"}
    );
}

// ---- payments and read models

void write_payments(Page& page) {
    page.chapter("Payments");
    page.say(
        "A payment is made for each order, by itself. `PAYMENT_REQUESTED` becomes "
        "`PAYMENT_COMPLETED` or `PAYMENT_FAILED` by what the card network says, and "
        "`PAYMENT_CANCELED` when the money went back. An order without an amount has nothing to "
        "charge: its payment is complete."
    );
    page.httpie("/payments");
    page.curl({.target = "/payments/1"});
    page.curl({.target = "/payments/search"});
    page.curl({.target = "/payments/search/findByOrderId?orderId=2"});
}

void write_payment_histories(Page& page) {
    page.chapter("Payment histories");
    page.say("A row for every result, in the order of the results:");
    page.httpie("/paymentHistories");
    page.curl({.target = "/paymentHistories/1"});
    page.curl({.target = "/paymentHistories/search"});
    page.say("Those of one order, all of them on one page:");
    page.curl({.target = "/paymentHistories/search/findByOrderId?orderId=2"});
}

void write_my_pages(Page& page) {
    page.chapter("My Page");
    page.say(
        "What a customer sees of all contexts together, a row an order. It is made from the "
        "events alone."
    );
    page.curl({.target = "/myPages/1"});
    page.curl({.target = "/myPages?size=1&page=1"});
    page.curl({.target = "/myPages/search"});
    page.curl({.target = "/myPages/search/findByOrderId?orderId=3"});
    page.curl({.target = "/myPages/search/findByCustomerId?customerId=1&sort=id,desc"});
}

// ---- verification

/// A shop of its own.
void write_verification(Page& page) {
    Shop shop;
    shop.process().post("/books", R"({"bookName":"C++","stock":150})");
    shop.process().post("/modules/customer/stop", {});
    page.about(shop);
    page.chapter("Orders that cannot be verified");
    page.say(
        "This chapter is played in another shop, with book 1 and no customer yet, where an "
        "operator "
        "has stopped the customer context (`curl -X POST localhost:8080/modules/customer/stop`). "
        "What it owns is unavailable:"
    );
    page.curl({.target = "/customers/1"});
    page.say(
        "An order is taken all the same. It is on disk, and nobody else has heard of it; it can "
        "be canceled, or verified:"
    );
    page.curl(
        {.method = Method::post,
         .target = "/orders",
         .headers = {json_type},
         .body = R"({"bookId":1,"customerId":1,"quantity":2,"deliveryAddress":"busan si"})"}
    );
    page.say("The shop asks again by itself. So can a client, in vain as long as nobody answers:");
    page.curl({.method = Method::post, .target = "/orders/1/verification"});
    shop.process().post("/modules/customer/start", {});
    if (!eventually([&] {
            return shop.process().log().find("order 1 stays unverified") != std::string::npos;
        })) {
        throw std::runtime_error("order 1 was not asked for");
    }
    page.say(
        "The customer context is started again, the shop asks at once, and hears that there is no "
        "customer 1. The order stays as it is, and the shop asks no more:"
    );
    page.curl({.method = Method::post, .target = "/orders/1/verification"});
    page.say("The customer registers after all, and now somebody asks again:");
    shop.process().post("/customers", R"({"customerName":"Kim"})");
    page.curl({.method = Method::post, .target = "/orders/1/verification"});
    shop.wait("/orders/1", "orderStatus", "Shipped");
    page.say("It goes on as any other order, and is not verified twice:");
    page.curl({.method = Method::post, .target = "/orders/1/verification"});
}

// ---- VAN

void write_van(Page& page) {
    page.chapter("The card network");
    page.say(
        "`/requestPayment` is VAN, the company behind the payments: an outside party, simulated. "
        "It "
        "answers in plain text."
    );
    page.httpie("/requestPayment?payment=100");
    page.say(
        "An amount of 0 makes the network behind it hang. The circuit breaker in front answers "
        "after 5 s; after many such failures it answers at once, until the network is well again."
    );
    page.httpie("/requestPayment?payment=0");
    page.say("An amount is needed, with at most two fraction digits:");
    page.httpie("/requestPayment");
    page.say(
        "With an `Idempotency-Key` the charge is entered in a ledger before it is answered, and "
        "the same key gets the same answer for ever. That is how the payments call it:"
    );
    const http::Header key{"Idempotency-Key", "7d4f"};
    page.curl({.method = Method::post, .target = "/requestPayment?payment=12.5", .headers = {key}});
    page.curl({.method = Method::post, .target = "/requestPayment?payment=99", .headers = {key}});
    page.say("The same key takes the charge back:");
    page.curl({.method = Method::post, .target = "/cancelPayment", .headers = {key}});
}

// ---- process

void write_events(Page& page) {
    page.chapter("Events");
    page.say(
        "What the contexts tell each other, as Server-Sent Events: `id` is the position in the "
        "log, "
        "`event` the type, `data` the event. `curl -N localhost:8080/events` waits for those to "
        "come; `from` is `beginning`, `end` or a position, and with `follow=false` the stream ends "
        "where the log does. A client that was cut off goes on with `Last-Event-ID`."
    );
    page.say("The story of order 3, which had to wait:");
    page.curl({.target = "/events?from=beginning&follow=false&key=order-3"});
    page.say("One type, or several, of all:");
    page.curl({.target = "/events?from=beginning&follow=false&type=Registered,BookRegistered"});
    page.say(
        "Every answer says where the log begins and ends. A client that has seen all of it and "
        "does not follow is answered 204, after which an EventSource does not ask again:"
    );
    const auto ends = page.curl({.target = "/events?follow=false&type=Deleted"});
    page.curl(
        {.target = "/events?follow=false",
         .headers = {{"Last-Event-ID", header_of(ends, "Log-End")}}}
    );
    page.say(
        "One that is ahead of the log has seen another one, which was restored since, say, and "
        "begins anew. (Where `--topic-retention` has cut the log's beginning off, what was there "
        "is 410.)"
    );
    page.curl({.target = "/events", .headers = {{"Last-Event-ID", "4000000"}}});
    page.say("A type that there is not:");
    page.curl({.target = "/events?type=Payd"});
}

void write_timeline(Page& page) {
    page.chapter("The timeline of an order");
    page.say(
        "For an operator: every request that changed the order, every event, who handled it, and "
        "what was asked of others meanwhile, sorted by time. What it waits for is in `waiting`; "
        "what is not known any more, after a restart say, in `missing`."
    );
    page.curl({.target = "/trace/orders/3", .most_lines = 24});
    page.curl({.target = "/trace/orders/99"});
}

/// One that has read nothing yet: it is over in a moment, so it is tried until that is what is
/// seen.
void write_canceled_rebuild(Page& page, const std::string& target, const std::string& words) {
    const auto mark = page.mark();
    for (int tries = 0; tries < 2'000; ++tries) {
        page.say(words);
        if (page.curl({.method = Method::post, .target = target}).status == 202) {
            const auto canceled = page.curl({.method = Method::del, .target = target});
            if (canceled.status == 200 &&
                canceled.body.find("\"position\":0,") != std::string::npos) {
                return;
            }
        }
        page.go_back(mark);
    }
    throw std::runtime_error("no rebuild was canceled before it had read anything");
}

void write_rebuilds(Page& page, Shop& shop) {
    page.chapter("Rebuilds");
    page.say(
        "My Page and the payment history can be made anew from the events, for an operator. "
        "Meanwhile the rows that are there are served."
    );
    page.curl({.method = Method::post, .target = "/rebuilds/my-page"});
    shop.wait("/rebuilds/my-page", "state", "done");
    page.curl({.target = "/rebuilds/my-page"});
    page.curl({.method = Method::post, .target = "/rebuilds/payment-history"});
    shop.wait("/rebuilds/payment-history", "state", "done");
    page.curl({.target = "/rebuilds/payment-history"});
    page.say("A page of another origin, in an operator's browser, must not do that:");
    page.curl(
        {.method = Method::post,
         .target = "/rebuilds/my-page",
         .headers = {{"Origin", "http://elsewhere.example"}}}
    );
    write_canceled_rebuild(
        page,
        "/rebuilds/my-page",
        "One that is under way can be canceled; the rows that are there stay:"
    );
    write_canceled_rebuild(page, "/rebuilds/payment-history", "So can the other one:");
    page.say("Now none is under way:");
    page.curl({.method = Method::del, .target = "/rebuilds/my-page"});
}

void write_backups(Page& page) {
    page.chapter("Backups");
    page.say(
        "A copy of everything, as of one moment, for an operator on the server's own machine. The "
        "directory is an absolute path there, which does not exist or is empty; the answer comes "
        "when the copy is whole."
    );
    const TemporaryDirectory place;
    const Curl backup{
        .method = Method::post,
        .target = "/backups",
        .headers = {{"Content-Type", "application/json"}},
        .body = R"({"directory":")" + place.path() + R"(/backup"})"
    };
    page.curl(backup);
    page.say("A second one into the same directory:");
    page.curl(backup);
}

/// A new shop: in one that is open, how far everybody has read differs from time to time.
void write_modules(Page& page) {
    Shop shop;
    page.about(shop);
    page.chapter("Contexts");
    page.say(
        "For operators: how each context is, how far its subscriptions have read the log, how many "
        "events they hold, and how many of its own are still on their way out. This is a new shop:"
    );
    page.curl({.target = "/modules", .most_lines = 40});
    page.curl({.target = "/modules/delivery"});
    page.say(
        "A context can be stopped. Its resources are unavailable, the others go on; what it has "
        "published is still relayed, and what it misses waits for it in the log:"
    );
    page.curl({.method = Method::post, .target = "/modules/delivery/stop"});
    page.curl({.target = "/deliveries/1"});
    page.say(
        "When it is started it reads what it missed: its state is `STARTING`, and writes are 503, "
        "until it has. A stop is not stored: a new process starts every context."
    );
    shop.process().post("/modules/delivery/start", {});
    shop.wait("/modules/delivery", "state", "RUNNING");
    page.curl({.method = Method::post, .target = "/modules/delivery/start"});
    page.curl({.target = "/modules/bookshelf"});
}

/// A shop of its own, whose log holds an event that nobody can read.
void write_parked(Page& page) {
    Shop shop;
    shop.break_log();
    shop.wait("/parked/payment-history-1", "state", "PARKED");
    shop.wait("/parked", "page.totalElements", "4");
    page.about(shop);
    page.chapter("Events that could not be handled");
    page.say(
        "An event that a context cannot handle is held there and tried again, with a growing "
        "pause; "
        "later events of the same key wait behind it, all others go on. One whose attempts are "
        "used "
        "up (`--retry-attempts`) is parked, until an operator acts. In this shop somebody has "
        "broken "
        "an event in the log's file:"
    );
    page.curl({.target = "/parked?module=payment_history"});
    page.say("Those that wait for an operator alone, of all contexts:");
    page.curl({.target = "/parked?state=PARKED&size=1"});
    page.say(
        "An event that is retried gets one more attempt; this one fails for good, and is parked "
        "again. One that waits behind it is tried in its turn:"
    );
    page.curl({.method = Method::post, .target = "/parked/payment-history-1/retry"});
    shop.wait("/parked/payment-history-1", "state", "PARKED");
    page.curl({.target = "/parked/payment-history-1"});
    page.curl({.method = Method::post, .target = "/parked/payment-history-2/retry"});
    page.say(
        "What can never be handled is skipped. The reason is recorded, and a rebuild passes over "
        "the event too:"
    );
    page.curl(
        {.method = Method::post,
         .target = "/parked/payment-history-1/skip",
         .headers = {json_type},
         .body = R"({"reason":"broken in the file, the payment is in order"})"}
    );
    shop.wait("/parked/payment-history-2", "state", "PARKED");
    page.say("The same of all that a context has parked:");
    page.curl({.method = Method::post, .target = "/modules/customer/parked/retry"});
    shop.wait("/parked/my-page-1", "attempts", "2");
    shop.wait("/parked/my-page-1", "state", "PARKED");
    page.curl(
        {.method = Method::post,
         .target = "/modules/customer/parked/skip",
         .headers = {json_type},
         .body = R"({"reason":"never an order"})"}
    );
}

void write_profiles(Page& page) {
    page.chapter("Profiles");
    page.say(
        "What the words of a resource mean, and what can be done with it, as an "
        "[ALPS](https://datatracker.ietf.org/doc/html/draft-amundsen-richardson-foster-alps) "
        "document. Every collection links its own."
    );
    page.curl({.target = "/profile"});
    page.curl({.target = "/profile/customers"});
    page.say("The others begin alike; their first lines:");
    for (const std::string collection :
         {"books",
          "stockInputs",
          "deliverables",
          "orders",
          "deliveries",
          "payments",
          "paymentHistories",
          "myPages"}) {
        page.curl({.target = "/profile/" + collection, .most_lines = 10});
    }
}

void write_description(Page& page) {
    page.chapter("The description");
    page.say(
        "All of this for machines, as OpenAPI 3.1: it is made of what serves the requests. `/docs` "
        "shows it in a browser. It begins:"
    );
    page.curl({.target = "/openapi.json", .most_lines = 14});
    page.say(
        "The events between the contexts, as AsyncAPI 3.0: the channel, every message with its "
        "schema, an example and its key, and who sends and who receives it. It begins:"
    );
    page.curl({.target = "/asyncapi.json", .most_lines = 14});
    page.say(
        "What each context declares, which the console draws: its commands, the events that it "
        "publishes, its policies and read models, and whom it asks. It begins:"
    );
    page.curl({.target = "/board", .most_lines = 20});
}

// ---- errors

void write_bad_bodies(Page& page) {
    page.say("A body that is none, and one with several faults, all of them told at once:");
    page.curl(
        {.method = Method::post,
         .target = "/customers",
         .headers = {json_type},
         .body = R"({"customerName":)"}
    );
    page.curl(
        {.method = Method::post,
         .target = "/orders",
         .headers = {json_type},
         .body = R"({"bookId":"abc","customerId":1.5,"quantity":0,"payAmount":12.345})"}
    );
    page.say(
        "Numbers may come as strings, which is what httpie's `=` sends (its `:=` sends numbers). "
        "Fields that nobody knows are ignored:"
    );
    page.curl(
        {.method = Method::post,
         .target = "/stockInputs",
         .headers = {json_type},
         .body = R"({"bookId":"1","quantity":"5","color":"blue"})"}
    );
    page.say("curl's `-d` sends a form unless it is told otherwise:");
    page.curl({.method = Method::post, .target = "/customers", .body = R"({"customerName":"Park"})"}
    );
}

void write_errors(Page& page) {
    page.chapter("Errors");
    page.say(
        "Every refusal has the same body. `message` is for people; `errors`, where there are any, "
        "names the fields."
    );
    page.curl({.target = "/nowhere"});
    page.curl({.target = "/orders/4711"});
    page.curl({.target = "/orders/abc"});
    page.curl({.target = "/customers?size=none"});
    page.say("A method that a resource does not have, with those that it has:");
    page.curl({.method = Method::put, .target = "/orders"});
    page.say("An answer that the client could not read:");
    page.curl({.target = "/orders", .headers = {{"Accept", "text/html"}}});
    write_bad_bodies(page);
}

void write_methods(Page& page) {
    page.chapter("HEAD, OPTIONS and browsers");
    page.say("HEAD is GET without the body, wherever GET changes nothing:");
    page.curl({.method = Method::head, .target = "/orders/1"});
    page.say("OPTIONS says what can be done:");
    page.curl({.method = Method::options, .target = "/customers/1"});
    page.say(
        "Pages of any origin may use the API, unless `--cors-origin` narrows it. Their browsers "
        "ask before:"
    );
    page.curl(
        {.method = Method::options,
         .target = "/orders",
         .headers =
             {{"Origin", "http://shop.example"},
              {"Access-Control-Request-Method", "POST"},
              {"Access-Control-Request-Headers", "content-type"}}}
    );
}

void write_health(Page& page) {
    page.chapter("Health");
    page.say(
        "For whoever watches the process. Ready: send it requests. Healthy: leave it alone. An "
        "empty 200 says yes."
    );
    page.curl({.target = "/isReady"});
    page.curl({.target = "/isHealthy"});
    page.say("How every context is, and the relay that moves the events between them:");
    page.curl({.target = "/actuator/health"});
    page.say("And each by itself, for a probe that watches one:");
    for (const std::string component :
         {"customer", "inventory", "order", "delivery", "payment", "payment_history", "van", "relay"
         }) {
        page.curl({.target = "/actuator/health/" + component});
    }
    page.say("A drill: from now on it calls itself unhealthy, until it is started again.");
    page.curl({.target = "/makeZombie"});
    page.curl({.target = "/isHealthy"});
}

void write_metrics(Page& page) {
    page.chapter("Metrics");
    page.say(
        "What Prometheus scrapes, in its text format. "
        "[operations.md](operations.md#metrics) tells what each is. It begins:"
    );
    page.curl({.target = "/metrics", .most_lines = 2});
}

}  // namespace

WrittenPage write_api_page() {
    // The network's hanging is told, not waited for.
    Shop shop({"--breaker-timeout", "300", "--van-hang", "600"});
    Page page;
    page.about(shop);
    write_index(page);
    write_customers(page, shop);
    write_books(page, shop);
    write_orders(page, shop);
    write_verification(page);
    page.about(shop);
    write_stock_inputs(page, shop);
    write_deliverables(page);
    write_deliveries(page, shop);
    write_payments(page);
    write_payment_histories(page);
    write_my_pages(page);
    write_van(page);
    write_events(page);
    write_timeline(page);
    write_rebuilds(page, shop);
    write_backups(page);
    write_modules(page);
    write_parked(page);
    page.about(shop);
    write_profiles(page);
    write_errors(page);
    write_methods(page);
    write_description(page);
    write_metrics(page);
    write_health(page);
    const auto described = boost::json::parse(shop.process().get("/openapi.json").body);
    return {
        .markdown = page.markdown(head),
        .missing = missing_in(page, described.at("paths").as_object())
    };
}

}  // namespace bookstore::test
