#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "browser.hpp"
#include "http/story.hpp"
#include "split/processes.hpp"
#include "support/sqlite_reader.hpp"
#include "support/tokens.hpp"

// The console in a real Chromium, as its users use it: by mouse and by keyboard.

using namespace bookstore::test;

namespace {

/// A form of the console, by its title; a part of it.
std::string form(const std::string& title, const std::string& part) {
    return fmt::format("form[aria-label='{}'] {}", title, part);
}

std::string card(const std::string& context) {
    return ".ctx-" + context;
}

std::string button(const std::string& label) {
    return fmt::format("//button[normalize-space()='{}']", label);
}

/// The row of a table in which that text stands as a header, and a button of it.
std::string row_button(const std::string& head, const std::string& label) {
    return fmt::format(
        "//tr[th[normalize-space()='{}']]//button[normalize-space()='{}']", head, label
    );
}

/// Where there is no browser, a case says so and ends.
bool no_browser() {
    static const std::string why = Browser::missing();
    if (!why.empty()) {
        MESSAGE("skipped: " << why);
    }
    return !why.empty();
}

/// A bookstore and a browser that shows its console.
struct Console {
    Story story;
    Browser browser;

    explicit Console(
        const std::string& view = "live",
        const Browser::Window& window = Browser::Window(),
        std::vector<std::string> flags = {}
    )
        : story(std::move(flags)), browser(window) {
        open(view);
    }

    void open(const std::string& view) {
        browser.open(story.process().url() + "/console#" + view);
        REQUIRE(browser.appears(".link-state.open"));
    }
    void go(const std::string& view) {
        browser.click(fmt::format("nav a[href='#{}']", view));
        REQUIRE(browser.appears(".view-" + view));
    }
    /// Kills it, and starts it on the same directory and port.
    void start_again(const std::string& port, std::vector<std::string> flags = {}) {
        flags.insert(flags.end(), {"--listen", "127.0.0.1:" + port});
        const bool started = eventually([&] {
            try {
                story.start(flags);
                return true;
            } catch (const std::runtime_error&) {
                return false;  // a connection may have got the port meanwhile: it goes
            }
        });
        REQUIRE(started);
    }
    /// Nothing was refused by the page's policy, and no script failed.
    void has_no_complaints() {
        for (const std::string& complaint : browser.complaints()) {
            FAIL_CHECK(complaint);
        }
    }
};

void register_customer(Browser& browser, const std::string& name) {
    browser.type(form("Register a customer", "[name=customerName]"), name);
    browser.click(form("Register a customer", "[type=submit]"));
}

void register_book(Browser& browser, const std::string& name, const std::string& stock) {
    browser.type(form("Register a book", "[name=bookName]"), name);
    browser.type(form("Register a book", "[name=stock]"), stock);
    browser.click(form("Register a book", "[type=submit]"));
}

}  // namespace

TEST_CASE("the seed's story by mouse: order, wait for stock, ship, deliver, cancel, My Page") {
    if (no_browser()) {
        return;
    }
    Console console("play");
    Browser& browser = console.browser;

    register_customer(browser, "kim");
    REQUIRE(browser.shows(form("Register a customer", ".result"), "201"));
    register_book(browser, "DDD", "10");
    REQUIRE(browser.shows(form("Register a book", ".result"), "201"));
    // What was made is what the next form offers, with its name.
    REQUIRE(browser.shows(form("Place an order", ""), "kim"));
    REQUIRE(browser.shows(form("Place an order", ""), "DDD"));

    browser.type(form("Place an order", "[name=quantity]"), "12");
    browser.click(form("Place an order", "[type=submit]"));
    REQUIRE(browser.shows(form("Place an order", ".result"), "/orders/1"));
    CHECK(browser.shows(".requests", "POST"));
    CHECK(browser.shows(".requests .cmd", "curl -i -X POST"));
    CHECK(browser.shows(".requests .cmd", "\"quantity\":12"));
    CHECK(browser.shows(".requests details[open] pre", "\"deliveryAddress\": \"busan si\""));

    browser.click("//a[normalize-space()='#1']");
    REQUIRE(browser.shows(".waits", "12 are ordered and 10 are in stock: 2 are missing."));
    browser.click(button("Put 2 in stock"));
    REQUIRE(console.story.order_becomes(1, "Shipped"));
    REQUIRE(browser.shows(".order-head", "Shipped"));
    REQUIRE(browser.disappears(".waits"));
    CHECK(browser.shows(".timeline", "Ordered"));
    CHECK(browser.shows(".timeline", "DeliveryPrepared"));
    CHECK(browser.shows(".timeline", "PAYMENT_COMPLETED"));
    CHECK(browser.shows(".timeline", "POST /orders"));

    console.go("play");
    browser.click(button("InTransit"));
    browser.click(button("Delivered"));
    REQUIRE(console.story.order_becomes(1, "Delivered"));
    REQUIRE(browser.shows("section[aria-label='My Page']", "Delivered"));

    // No stock is left: this one waits, and is canceled.
    browser.click(form("Place an order", "[type=submit]"));
    REQUIRE(browser.shows(form("Place an order", ".result"), "/orders/2"));
    browser.click(row_button("#2", "Cancel"));
    REQUIRE(console.story.order_becomes(2, "CANCELED"));
    REQUIRE(browser.shows("section[aria-label='Customer'] .following", "CANCELED"));

    console.go("live");
    CHECK(browser.shows(card("order"), "Ordered\n2"));
    CHECK(browser.shows(card("order"), "Orders: 2"));
    CHECK(browser.shows(".feed", "OrderCanceled"));
    CHECK(browser.shows(".headline", "All 7 contexts run"));
    console.has_no_complaints();
    CHECK(console.story.ends_with() == "");
}

TEST_CASE("the seed's story by keyboard alone") {
    if (no_browser()) {
        return;
    }
    Console console("live");
    Browser& browser = console.browser;

    browser.press("3");
    REQUIRE(browser.appears(".view-play"));
    REQUIRE(browser.tab_to(form("Register a customer", "[name=customerName]")));
    browser.press("kim");
    browser.press(key::enter);
    REQUIRE(browser.shows(form("Register a customer", ".result"), "201"));
    REQUIRE(browser.tab_to(form("Register a book", "[name=bookName]")));
    browser.press("DDD");
    browser.press(key::enter);
    REQUIRE(browser.shows(form("Register a book", ".result"), "201"));
    REQUIRE(browser.tab_to(form("Place an order", "[type=submit]")));
    browser.press(key::space);
    REQUIRE(browser.shows(form("Place an order", ".result"), "/orders/1"));
    REQUIRE(console.story.order_becomes(1, "Shipped"));
    REQUIRE(browser.appears("[data-key='1InTransit']"));
    REQUIRE(browser.tab_to("[data-key='1InTransit']"));
    browser.press(key::enter);
    REQUIRE(console.story.order_becomes(1, "InTransit"));

    browser.script("document.getElementById('main').focus()");
    browser.press("/");
    REQUIRE(browser.appears(".view-orders"));
    REQUIRE(eventually([&] { return browser.has("#order-id:focus"); }));
    browser.press("1");
    browser.press(key::enter);
    REQUIRE(browser.shows(".order-head", "InTransit"));
    CHECK(browser.shows(".timeline", "DeliveryStatusChanged"));
    console.has_no_complaints();
}

TEST_CASE("a wrong form says what is wrong, where, and loses nothing") {
    if (no_browser()) {
        return;
    }
    Console console("play");
    Browser& browser = console.browser;
    console.story.given_customer();
    browser.type(form("Place an order", "[name=customerId]"), "1");
    browser.type(form("Place an order", "[name=bookId]"), "77");
    browser.type(form("Place an order", "[name=quantity]"), "many");
    browser.click(form("Place an order", "[type=submit]"));
    CHECK(browser.shows(form("Place an order", ".wrong[role=alert]"), "quantity"));
    CHECK(browser.appears(form("Place an order", "[name=quantity][aria-invalid]")));
    CHECK(browser.script_text("return document.activeElement.name") == "quantity");
    CHECK(browser.script_text("return document.activeElement.value") == "many");
    CHECK(browser.shows(form("Place an order", ""), "There is none of that number."));
    CHECK(console.story.get("/orders").field("page.totalElements") == "0");
}

TEST_CASE("whatever a name is made of, it is shown as a name") {
    if (no_browser()) {
        return;
    }
    Console console("play");
    Browser& browser = console.browser;
    const std::string name = "<img src=x onerror=\"document.title='owned'\"><script>1</script>";
    register_customer(browser, name);
    register_book(browser, name, "10");
    REQUIRE(browser.shows("section[aria-label='Book manager'] .following", name));
    browser.type(form("Place an order", "[name=deliveryAddress]"), name);
    browser.click(form("Place an order", "[type=submit]"));
    REQUIRE(browser.shows(form("Place an order", ".result"), "/orders/1"));
    REQUIRE(console.story.order_becomes(1, "Shipped"));
    REQUIRE(browser.shows("section[aria-label='My Page']", name));
    for (const char* view : {"orders", "live", "operate"}) {
        console.go(view);
    }
    browser.open(console.story.process().url() + "/console#orders/1");
    REQUIRE(browser.shows(".facts", name));
    CHECK_FALSE(browser.has("main img"));
    CHECK_FALSE(browser.has("main script"));
    CHECK(browser.script_text("return document.title") != "owned");
    console.has_no_complaints();
}

TEST_CASE("a context is stopped and started, and all views tell") {
    if (no_browser()) {
        return;
    }
    Console console("operate");
    Browser& browser = console.browser;
    console.story.given_customer();
    console.story.given_book(10);

    browser.click("[data-key='customer-switch']");
    REQUIRE(browser.shows("[data-key='customer-switch']", "Start"));
    CHECK(browser.shows(".requests", "/modules/customer/stop"));
    console.go("live");
    CHECK(browser.appears(card("customer") + ".stopped"));
    CHECK(browser.shows(".headline", "Stopped: Customer"));

    const auto order = console.story.place_order(1, 1);
    console.go("orders");
    browser.click("//a[normalize-space()='#1']");
    REQUIRE(browser.shows(".order-head", "Customer_Not_Verified"));
    CHECK(browser.shows(".waits", "Customer did not answer when the order was placed"));
    CHECK(browser.shows(".waits", "now: Stopped"));

    console.go("live");
    browser.click(card("customer") + " button");
    REQUIRE(console.story.order_becomes(order, "Shipped"));
    CHECK(browser.shows(".headline", "All 7 contexts run"));
    CHECK_FALSE(browser.has(card("customer") + ".stopped"));
    CHECK(console.story.ends_with() == "");
}

TEST_CASE("the contexts of other processes are shown, stopped, and missed when theirs is gone") {
    if (no_browser()) {
        return;
    }
    Processes split({"customer,inventory,order,delivery,payment,payment_history", "van"});
    Browser browser;
    browser.open(split.url(0) + "/console#operate");
    const std::string row = "//tr[th[contains(normalize-space(),'van')]]";
    REQUIRE(browser.appears(row));
    CHECK(browser.shows(row, split.url(1)));
    CHECK(browser.shows(row, "RUNNING"));
    browser.click(row + "//button");
    CHECK(browser.shows(row, "STOPPED"));
    CHECK(split.get(1, "/modules/van").field("state") == "STOPPED");
    browser.click(row + "//button");
    CHECK(browser.shows(row, "RUNNING"));
    split.at(1).kill();
    CHECK(browser.shows(row, "UNREACHABLE"));
    CHECK(browser.shows(row, "cannot connect"));
    CHECK(browser.disappears(row + "//button"));
    split.start(1);
    CHECK(browser.shows(row, "RUNNING"));
    CHECK(browser.appears(row + "//button"));
    browser.open(split.url(0) + "/console#live");
    CHECK(browser.appears(card("van")));
    split.at(1).kill();
    CHECK(browser.shows(card("van"), "Unreachable"));
}

TEST_CASE("a drill is played to its end, and no other site can stop a context") {
    if (no_browser()) {
        return;
    }
    Console console("operate");
    console.browser.click("[data-drill='customerStopped']");
    REQUIRE(console.browser.shows(
        "section[aria-label='The customer context stops'] .steps", "Seen to the end."
    ));
    console.browser.click("[data-drill='noStock']");
    REQUIRE(console.browser.shows("section[aria-label='Out of stock'] .steps", "Seen to the end."));
    CHECK(console.story.get("/orders").field("page.totalElements") == "2");
    const auto refused = console.story.send(
        Method::post, "/modules/van/stop", {}, {{"Origin", "http://elsewhere.example"}}
    );
    CHECK(refused.status == 403);
    console.has_no_complaints();
}

namespace {

/// An order whose DeliveryPrepared the order context has parked: its payload was made unreadable
/// while nobody held the files.
struct Parked {
    Console console{"live"};
    std::int64_t position = 0;
    std::string payload;

    Parked() {
        Story& story = console.story;
        story.given_customer();
        story.given_book(100);
        const auto order = story.place_order(1, 1);
        REQUIRE(story.post("/modules/order/stop").status == 200);
        REQUIRE(story.becomes("/myPages/1", "deliveryStatus", "Shipped"));
        REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
        const std::string port = story.process().port();
        story.stop();
        break_event();
        console.start_again(port, {"--retry-attempts", "1"});
        REQUIRE(story.becomes(fmt::format("/parked/order-{}", position), "state", "PARKED"));
    }

    void break_event() {
        const std::string directory = console.story.data_dir();
        Sqlite topic(directory + "/topic.db", Sqlite::Mode::write);
        topic.rows(
            "SELECT position, payload FROM event WHERE type = 'DeliveryPrepared'",
            [this](const Sqlite::Row& row) {
                position = row.integer(0);
                payload = row.text(1);
            }
        );
        REQUIRE(position > 0);
        topic.run(fmt::format("UPDATE event SET payload = 'broken' WHERE position = {}", position));
        // The order context may have been quicker than its stop: it reads the event again.
        Sqlite orders(directory + "/order.db", Sqlite::Mode::write);
        orders.run(fmt::format(
            "UPDATE subscription SET position = min(position, {}) WHERE name = 'order'",
            position - 1
        ));
        orders.run("UPDATE orders SET status = 'ORDERED'");
    }

    void cure() {
        const std::string directory = console.story.data_dir();
        for (const auto& [file, table] :
             {std::pair{"topic", "event"}, std::pair{"order", "held"}}) {
            Sqlite(fmt::format("{}/{}.db", directory, file), Sqlite::Mode::write)
                .run(fmt::format(
                    "UPDATE {} SET payload = '{}' WHERE position = {}", table, payload, position
                ));
        }
    }
};

}  // namespace

TEST_CASE("a parked event is seen, retried in vain, cured and retried") {
    if (no_browser()) {
        return;
    }
    Parked parked;
    Console& console = parked.console;
    Browser& browser = console.browser;
    REQUIRE(browser.shows(card("order"), "1 parked"));
    CHECK(browser.has(card("order") + ".parked"));
    CHECK(browser.shows("#badge", "1"));
    console.go("operate");
    REQUIRE(browser.shows(".parked-one", "DeliveryPrepared"));
    CHECK(browser.shows(".parked-one .error-text", " "));
    CHECK(browser.shows(".parked-list", "WAITING"));
    browser.click(button("Retry"));
    REQUIRE(browser.shows(".parked-one", "Tries: 2"));
    CHECK(browser.shows(".parked-one", "PARKED"));

    const std::string port = console.story.process().port();
    console.story.stop();
    parked.cure();
    console.start_again(port, {"--retry-attempts", "1"});
    REQUIRE(browser.appears(".link-state.open"));
    browser.click(button("Retry"));
    REQUIRE(console.story.order_becomes(1, "Shipped"));
    CHECK(browser.shows("section[aria-label='Held and parked events']", "every event was handled"));
    CHECK(browser.disappears("#badge:not([hidden])"));
    CHECK(console.story.ends_with() == "");
}

TEST_CASE("a parked event is skipped with a reason, which is recorded") {
    if (no_browser()) {
        return;
    }
    Parked held;
    Console& console = held.console;
    Browser& browser = console.browser;
    console.go("operate");
    REQUIRE(browser.shows(".parked-one", "PARKED"));
    browser.click(button("Skip…"));
    browser.type(".skip-form:not([hidden]) input", "settled by hand");
    browser.press(key::enter);
    const std::string parked = fmt::format("/parked/order-{}", held.position);
    REQUIRE(console.story.becomes(parked, "state", "SKIPPED"));
    CHECK(console.story.of(parked, "reason") == "settled by hand");
    CHECK(browser.shows("section[aria-label='Held and parked events']", "every event was handled"));
}

TEST_CASE("the server is killed: the console says so, comes back by itself and has missed nothing"
) {
    if (no_browser()) {
        return;
    }
    Console console("live");
    Story& story = console.story;
    Browser& browser = console.browser;
    story.given_customer();
    REQUIRE(browser.shows(card("customer"), "Registered\n1"));
    const std::string port = story.process().port();
    story.process().kill();
    REQUIRE(browser.shows("#notice", "The bookstore does not answer"));
    CHECK(browser.shows("#link-state", "Connection lost"));
    console.go("play");
    register_customer(browser, "park");
    CHECK(browser.shows(form("Register a customer", ".wrong"), "does not answer"));
    console.go("live");

    console.start_again(port);
    story.given_customer("lee");
    REQUIRE(browser.appears(".link-state.open"));
    CHECK(browser.appears("#notice[hidden]"));
    CHECK(browser.shows(card("customer"), "Registered\n2"));
    CHECK(browser.shows(".headline", "All 7 contexts run"));
}

TEST_CASE("the directory is restored from an older one: the console says so and begins anew") {
    if (no_browser()) {
        return;
    }
    Console console("live");
    Story& story = console.story;
    Browser& browser = console.browser;
    story.given_customer();
    const std::string port = story.process().port();
    story.stop();
    TemporaryDirectory older;
    // Without `recursive`, and with any other option, copy() of a directory copies nothing.
    using Copy = std::filesystem::copy_options;
    constexpr Copy all = Copy::recursive | Copy::overwrite_existing;
    std::filesystem::copy(story.data_dir(), older.path(), all);
    console.start_again(port);
    REQUIRE(browser.appears(".link-state.open"));
    for (int i = 0; i < 3; ++i) {
        story.given_customer();
    }
    REQUIRE(browser.shows(card("customer"), "Registered\n4"));
    story.stop();
    std::filesystem::copy(older.path(), story.data_dir(), all);
    console.start_again(port);
    REQUIRE(browser.appears(".link-state.open"));
    CHECK(browser.shows("#notice", "begins anew"));
    CHECK(browser.shows(card("customer"), "Registered\n1"));
    story.given_customer("lee");  // at a position that was there before
    CHECK(browser.shows(card("customer"), "Registered\n2"));
    browser.click(button("Got it"));
    CHECK(browser.appears("#notice[hidden]"));
}

TEST_CASE("language and theme are the browser's, until somebody chooses, which is kept") {
    if (no_browser()) {
        return;
    }
    Console console("live", {.language = "ko", .dark = true});
    Browser& browser = console.browser;
    const std::string background = "return getComputedStyle(document.body).backgroundColor";
    CHECK(browser.shows("h1", "실시간"));
    CHECK(browser.script_text("return document.documentElement.lang") == "ko");
    const std::string dark = browser.script_text(background);
    browser.click("#language option[value=en]");
    CHECK(browser.shows("h1", "Live"));
    browser.click("#theme option[value=light]");
    CHECK(browser.script_text(background) != dark);
    browser.open(console.story.process().url() + "/console");
    CHECK(browser.shows("h1", "Live"));
    CHECK(browser.script_text(background) != dark);
    CHECK(browser.script_text("return document.documentElement.lang") == "en");
}

TEST_CASE("on a phone nothing is wider than the screen") {
    if (no_browser()) {
        return;
    }
    Console console("live", {.width = 360, .height = 740});
    console.story.given_customer(std::string(100, 'k'));
    console.story.given_book(1, std::string(100, 'b'));
    console.story.place_order(1, 1, 5);
    for (const char* view : {"live", "play", "operate", "orders"}) {
        CAPTURE(view);
        console.go(view);
        CHECK(console.browser.disappears(".view .loading"));
        CHECK(
            console.browser.script_text(
                "return document.documentElement.scrollWidth <= innerWidth ? 'fits' : 'too wide'"
            ) == "fits"
        );
    }
}

TEST_CASE("many events leave the page as large as a few") {
    if (no_browser()) {
        return;
    }
    Console console("live");
    Story& story = console.story;
    story.given_customer();
    story.given_book(1'000'000);
    constexpr int orders = 250;
    const std::string size = "return document.querySelectorAll('*').length";
    std::int64_t few = 0;
    for (int i = 1; i <= orders; ++i) {
        story.place_order(1, 1);
        if (i == 30) {
            REQUIRE(console.browser.appears(".feed li:nth-child(40)"));
            few = console.browser.script(size).as_int64();
        }
    }
    REQUIRE(console.browser.shows(card("order"), fmt::format("Ordered\n{}", orders)));
    REQUIRE(console.browser.shows(card("payment"), fmt::format("Payed\n{}", orders)));
    CHECK(console.browser.script(size).as_int64() <= few + 20);
    CHECK(console.browser.script("return document.querySelectorAll('.feed li').length") == 40);
    console.has_no_complaints();
}

TEST_CASE(
    "a thousand events a second leave memory flat" *
    doctest::skip(std::getenv("BOOKSTORE_CONSOLE_MINUTES") == nullptr)
) {
    // BOOKSTORE_CONSOLE_MINUTES says for how long; an hour was asked for.
    if (no_browser()) {
        return;
    }
    constexpr int orders_per_s = 250;  // four events each
    const int minutes = std::atoi(std::getenv("BOOKSTORE_CONSOLE_MINUTES"));
    REQUIRE(minutes >= 4);
    Console console("live");
    Story& story = console.story;
    Browser& browser = console.browser;
    story.given_customer();
    story.given_book(1'000'000'000);
    browser.script(
        "window.framesDrawn = 0;"
        "const count = () => { ++framesDrawn; requestAnimationFrame(count); }; count()"
    );
    std::vector<std::int64_t> heap;  // bytes, after each minute
    std::vector<std::int64_t> elements;
    std::int64_t frames = 0;
    for (int minute = 1; minute <= minutes; ++minute) {
        const auto began = std::chrono::steady_clock::now();
        for (int second = 1; second <= 60; ++second) {
            for (int i = 0; i < orders_per_s; ++i) {
                story.place_order(1, 1);
            }
            std::this_thread::sleep_until(began + std::chrono::seconds(second));
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        const std::int64_t frames_before =
            std::exchange(frames, browser.script("return framesDrawn").as_int64());
        heap.push_back(browser.script("gc(); return performance.memory.usedJSHeapSize").as_int64());
        elements.push_back(browser.script("return document.querySelectorAll('*').length").as_int64()
        );
        MESSAGE(fmt::format(
            "minute {}: {:.0f} events and {:.1f} frames a second, {} KiB of heap, {} elements",
            minute,
            4 * 60 * orders_per_s / took.count(),
            static_cast<double>(frames - frames_before) / took.count(),
            heap.back() / 1024,
            elements.back()
        ));
    }
    const std::span all(heap);
    const auto quarter = all.size() / 4;
    CHECK(std::ranges::max(all.last(quarter)) <= std::ranges::max(all.first(quarter)) * 5 / 4);
    CHECK(elements.back() <= elements.front() + 20);
    const std::string shown = fmt::format(
        "return document.querySelector('{}').innerText.replaceAll(',', '')"
        ".includes('Ordered\\n{}')",
        card("order"),
        minutes * 60 * orders_per_s
    );
    CHECK(eventually([&] { return browser.script(shown).as_bool(); }));
    console.has_no_complaints();
}

namespace {

/// What of a page its browser would keep: storage, cookies, the address.
std::string kept_by(Browser& browser) {
    return browser.script_text(
        "return JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie + "
        "location.href + document.documentElement.outerHTML"
    );
}

}  // namespace

TEST_CASE("a token is given, shows what its roles may do, and is kept by nothing") {
    if (no_browser()) {
        return;
    }
    const Tokens tokens;
    Story story(tokens.flags());
    Browser browser;
    browser.open(story.url() + "/console#operate");
    REQUIRE(browser.appears("#token"));
    CHECK(browser.shows("#notice", "a token with the role operator"));
    const auto use = [&](const std::string& role) {
        browser.type("#token", tokens.token(role));
        browser.press(key::enter);
        CHECK(browser.shows("#who .roles", role.substr(0, role.find(' '))));
    };
    use("courier");
    CHECK(browser.shows("#notice", "which this token lacks"));
    CHECK_FALSE(browser.has(".link-state.open"));
    browser.click("nav a[href='#play']");
    REQUIRE(browser.appears(".view-play"));
    CHECK(browser.has(form("Register a book", "[type=submit]:disabled")));
    CHECK(browser.has(form("Place an order", "[type=submit]:disabled")));
    CHECK(browser.text(form("Register a book", "[type=submit]")).starts_with("Register"));

    browser.click("#forget-token");
    use("book-manager");
    register_book(browser, "DDD", "5");
    CHECK(browser.shows(form("Register a book", ".result"), "201 Created /books/1"));
    CHECK(browser.shows(".play-side", "Authorization: Bearer $TOKEN"));

    browser.click("#forget-token");
    use("operator");
    REQUIRE(browser.appears(".link-state.open"));
    CHECK(browser.disappears("#notice:not([hidden])"));
    browser.click("nav a[href='#operate']");
    browser.click("//button[@aria-label='Stop: VAN']");
    CHECK(eventually([&] {
        return story.get("/modules/van", {tokens.header("operator")}).field("state") == "STOPPED";
    }));
    browser.click("nav a[href='#live']");
    REQUIRE(browser.appears(card("order")));
    if (const char* pictures = std::getenv("BOOKSTORE_PICTURES")) {
        browser.picture(std::string(pictures) + "/console-token.png");
    }
    const std::string token = tokens.token("operator");
    const std::string head = token.substr(0, token.find('.'));
    CHECK(kept_by(browser).find(head) == std::string::npos);
    browser.open(story.url() + "/docs");
    browser.open(story.url() + "/console#live");
    CHECK(browser.appears("#token"));
    // What the page looks at by itself is not asked for in vain.
    const std::string log = story.log();
    CHECK_MESSAGE(log.find(" 401 ") == std::string::npos, log);
    CHECK(log.find(" 403 ") == std::string::npos);
    for (const std::string& complaint : browser.complaints()) {
        FAIL_CHECK(complaint);
    }
}

TEST_CASE("the page of the API takes a token, says who may what, and sends it") {
    if (no_browser()) {
        return;
    }
    const Tokens tokens;
    Story story(tokens.flags());
    Browser browser;
    browser.open(story.url() + "/docs#op-listDeliveries");
    REQUIRE(browser.appears("#token"));
    CHECK(browser.shows("#op-listDeliveries .roles", "customer or courier"));
    CHECK_FALSE(browser.has("#op-listBooks .roles"));
    browser.click("#op-listDeliveries form button.main");
    CHECK(browser.shows("#op-listDeliveries .answer .status", "401"));
    browser.type("#token", tokens.token("courier"));
    browser.press(key::enter);
    CHECK(browser.shows("#who", "courier"));
    CHECK(browser.has("#op-placeOrder.denied"));
    CHECK_FALSE(browser.has("#op-listDeliveries.denied"));
    CHECK(browser.shows("#op-listDeliveries .curl", "Authorization: Bearer $TOKEN"));
    browser.click("#op-listDeliveries form button.main");
    CHECK(browser.shows("#op-listDeliveries .answer .status", "200"));
    if (const char* pictures = std::getenv("BOOKSTORE_PICTURES")) {
        browser.picture(std::string(pictures) + "/docs-token.png");
    }
    const std::string token = tokens.token("courier");
    CHECK(kept_by(browser).find(token.substr(0, token.find('.'))) == std::string::npos);
    browser.click("#forget-token");
    CHECK(browser.appears("#token"));
    CHECK_FALSE(browser.has(".op.denied"));
}

TEST_CASE("where nobody is asked who he is, no page asks either") {
    if (no_browser()) {
        return;
    }
    Console console;
    CHECK_FALSE(console.browser.has("#who"));
    console.browser.open(console.story.url() + "/docs");
    REQUIRE(console.browser.appears("#op-listBooks"));
    CHECK_FALSE(console.browser.has("#token"));
    CHECK_FALSE(console.browser.has(".roles"));
}

TEST_CASE("the console is small, and loads nothing from elsewhere") {
    Story story;
    const auto page = story.get("/console");
    REQUIRE(page.status == 200);
    CHECK(
        page.header("Content-Security-Policy").starts_with("default-src 'none'; script-src 'self'")
    );
    CHECK(story.get("/console/").status == 308);
    constexpr std::size_t max_bytes = 200'000;
    std::size_t total = page.body.size();
    std::size_t files = 0;
    for (const std::string attribute : {" src=\"", " href=\""}) {
        for (auto at = page.body.find(attribute); at != std::string::npos;
             at = page.body.find(attribute, at + 1)) {
            const auto begin = at + attribute.size();
            const std::string link = page.body.substr(begin, page.body.find('"', begin) - begin);
            if (link.starts_with("data:") || link.starts_with("#") || link == "openapi.json") {
                continue;
            }
            CAPTURE(link);
            REQUIRE(link.starts_with("console/"));
            const auto file = story.get("/" + link);
            REQUIRE(file.status == 200);
            CHECK(file.body.find("http://") == file.body.find("http://www.w3.org/2000/svg"));
            CHECK(file.body.find("innerHTML") == std::string::npos);
            total += file.body.size();
            ++files;
        }
    }
    CHECK(files == 11);
    CHECK(total < max_bytes);
    MESSAGE("all in: " << total << " bytes");
}

TEST_CASE("axe-core finds nothing" * doctest::skip(std::getenv("BOOKSTORE_AXE") == nullptr)) {
    // BOOKSTORE_AXE names an axe.min.js; it is three times the console's size, and not kept here.
    if (no_browser()) {
        return;
    }
    std::ifstream file(std::getenv("BOOKSTORE_AXE"));
    const std::string axe((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    for (const Browser::Window& window :
         {Browser::Window{.width = 1280, .height = 900},
          Browser::Window{.width = 1280, .height = 900, .dark = true},
          Browser::Window{.width = 360, .height = 740, .language = "ko"}}) {
        Console console("live", window);
        console.story.given_customer();
        console.story.given_book(1);
        console.story.place_order(1, 1, 5);
        for (const char* view : {"live", "orders", "orders/1", "play", "operate"}) {
            CAPTURE(view);
            CAPTURE(window.width);
            console.browser.script(fmt::format("location.hash = '#{}'", view));
            CHECK(console.browser.disappears(".view .loading"));
            console.browser.script(axe);
            const auto found = console.browser.script_later(
                "axe.run(document).then((r) => done(r.violations.map((v) => "
                "`${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)))"
            );
            CHECK(boost::json::serialize(found) == "[]");
        }
    }
}

TEST_CASE(
    "the pictures of the READMEs" * doctest::skip(std::getenv("BOOKSTORE_PICTURES") == nullptr)
) {
    // BOOKSTORE_PICTURES names the directory that they are written to.
    if (no_browser()) {
        return;
    }
    const std::string directory = std::getenv("BOOKSTORE_PICTURES");
    const auto board = [&](const std::string& language, const std::string& name) {
        Console console("live", {.width = 1440, .height = 720, .language = language});
        Story& story = console.story;
        story.given_customer("홍길동");
        story.given_book(1000, "Domain-Driven Design");
        for (int i = 0; i < 100; ++i) {
            story.place_order(1, 1);
        }
        REQUIRE(console.browser.shows(".ctx-payment .total", "100"));
        for (int i = 0; i < 25; ++i) {  // so that their dots are all along their ways
            story.place_order(1, 1);
            console.browser.script_later("setTimeout(done, 60)");
        }
        console.browser.picture(directory + "/" + name);
    };
    board("en", "console-live.png");
    board("ko", "console-live-ko.png");

    const auto waiting = [&](const Browser::Window& window, const std::string& name) {
        Console console("live", window);
        console.story.given_customer("홍길동");
        console.story.given_book(1, "Domain-Driven Design");
        const auto order = console.story.place_order(1, 1, 3);
        REQUIRE(console.story.payment_becomes(order, "PAYMENT_COMPLETED"));
        console.browser.script("location.hash = '#orders/1'");
        REQUIRE(console.browser.appears(".waits"));
        REQUIRE(console.browser.shows(".timeline", "Payed"));
        console.browser.picture(directory + "/" + name);
    };
    waiting({.width = 1280, .height = 900, .dark = true}, "console-order.png");
    waiting({.width = 390, .height = 844, .language = "ko"}, "console-phone-ko.png");
}
