#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/value_to.hpp>
#include <map>

#include "story.hpp"

// What a body may hold that it must not: nothing of it is stored, all of it is named, and the
// server goes on.

using namespace bookstore::test;

namespace {

struct Route {
    Method method;
    std::string target;
};

/// Every route that reads a body. Customer 1, book 1 and delivery 1 are there.
const std::vector<Route> routes{
    {Method::post, "/customers"},
    {Method::put, "/customers/1"},
    {Method::patch, "/customers/1"},
    {Method::post, "/books"},
    {Method::put, "/books/1"},
    {Method::patch, "/books/1"},
    {Method::post, "/orders"},
    {Method::post, "/stockInputs"},
    {Method::put, "/deliveries/1"},
    {Method::patch, "/deliveries/1"}
};

/// Texts, JSON-encoded, that are no text of 1 to 255 characters.
const std::vector<std::string> bad_texts{
    R"("")",
    R"("   ")",
    R"("\u3000\u00a0")",
    R"("\u3164")",
    R"("\u200b\u2060\ufeff")",
    R"("\u115f \uffa0\u2800")",
    R"("\udb40\udc41")",
    R"("abc\u202edef")",
    R"("\u200fabc")",
    R"("a\nb")",
    R"("tab\t")",
    R"("\u0000")",
    R"("a\u0000b")",
    R"("\u007f")",
    R"("\u0085")",
    "5",
    "1.5",
    "true",
    "[]",
    R"(["a"])",
    "{}",
    "\"" + std::string(256, 'a') + "\"",
    "\"" + std::string(100'000, 'a') + "\""
};

/// Values that are no whole number from 0 to 2^53-1.
const std::vector<std::string> bad_numbers{
    R"("abc")",
    "1.5",
    R"("1.5")",
    "-1",
    R"("-1")",
    "9007199254740992",
    R"("9007199254740992")",
    "99999999999999999999",
    R"("99999999999999999999")",
    "1e300",
    R"("")",
    R"(" 1")",
    R"("1 ")",
    R"("0x10")",
    "true",
    "false",
    "[1]",
    "{}",
    R"("１")",
    R"("1.")",
    R"(".0")",
    R"("NaN")",
    R"("Infinity")",
    "-9223372036854775809",
    "1e-1"
};

const std::vector<std::string> bad_money{
    R"("abc")",
    "-0.01",
    R"("-1")",
    "12.345",
    R"("12.345")",
    "1000000000000",
    R"("1000000000000")",
    "1e300",
    "true",
    "[1]",
    "{}",
    R"("")",
    R"("1,5")",
    R"("NaN")",
    R"("1.")",
    R"(".5")"
};

struct Shop {
    Story story;
    Shop() {
        story.given_customer();
        story.given_book(10);
        REQUIRE(story.order_becomes(story.place_order(1, 1, 1), "Shipped"));
    }

    std::string stored() {
        std::string all;
        for (const std::string target :
             {"/customers", "/books", "/orders", "/stockInputs", "/deliveries", "/deliverables"}) {
            all += story.get(target).body;
        }
        return all;
    }
};

/// The JSON text of the value that an error shows; "null" when it shows none.
std::string rejected(const Answer& answer, std::string_view field) {
    const auto body = answer.json().as_object();
    for (const auto& error : body.at("errors").as_array()) {
        if (error.as_object().at("field").as_string() == field) {
            return boost::json::value_to<std::string>(
                error.at("rejectedValue").is_null() ? boost::json::value("(null)")
                                                    : error.at("rejectedValue")
            );
        }
    }
    return "(no error)";
}

std::string fields_of(const Answer& answer) {
    std::string all;
    const auto body = answer.json().as_object();
    if (!body.contains("errors")) {
        return "(none)";
    }
    for (const auto& error : body.at("errors").as_array()) {
        all += all.empty() ? "" : " ";
        all += error.as_object().at("field").as_string();
    }
    return all;
}

/// A book, an order or a stock input with that JSON text in that field.
std::string with(
    std::map<std::string, std::string> fields, const std::string& name, const std::string& json
) {
    fields[name] = json;
    std::string body;
    for (const auto& [key, value] : fields) {
        body += fmt::format("{}\"{}\":{}", body.empty() ? "{" : ",", key, value);
    }
    return body + "}";
}

const std::map<std::string, std::string> order_fields{
    {"bookId", "1"}, {"customerId", "1"}, {"quantity", "1"}, {"deliveryAddress", "\"busan\""}
};

}  // namespace

TEST_CASE("a body that is no JSON object is refused on every route") {
    Shop shop;
    const auto before = shop.stored();
    std::string deep = "{\"x\":";
    deep += std::string(64, '[') + std::string(64, ']') + "}";
    const std::vector<std::string> bodies{
        "   ",
        "{",
        "}",
        "[]",
        "\"x\"",
        "5",
        "null",
        "true",
        "{'a':1}",
        "{\"a\":1,}",
        "{} x",
        "{\"a\":1}{\"b\":2}",
        "\xef\xbb\xbf{}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":nan}",
        "{a:1}",
        deep,
        std::string("{\"customerName\":\"\0\"}", 20),
        "{\"customerName\":\"\xff\"}",
        "{\"customerName\":\"\xc0\xaf\"}",
        "{\"customerName\":\"\xed\xa0\x80\"}",
        "{\"customerName\":\"\\ud800\"}",
        "{\"customerName\":\"a\nb\"}",
        "\xff\xfe{}",
        "customerName=kim",
        std::string(100'000, '['),
        "<order/>"
    };
    for (const Route& route : routes) {
        for (const auto& body : bodies) {
            CAPTURE(route.target);
            CAPTURE(body.substr(0, 60));
            const auto answer = shop.story.send(
                route.method, route.target, body, {{"Content-Type", "application/json"}}
            );
            CHECK(error_fault(answer, 400, route.target) == "");
        }
        CHECK(error_fault(shop.story.send(route.method, route.target), 400, route.target) == "");
    }
    CHECK(shop.stored() == before);
    CHECK(shop.story.ends_with() == "");
}

TEST_CASE("an empty body is told from a malformed one") {
    Shop shop;
    CHECK(shop.story.post("/customers").field("message").find("empty") != std::string::npos);
    CHECK(shop.story.post("/customers", "[]").field("message").find("object") != std::string::npos);
    CHECK(shop.story.post("/customers", "{x").field("message").find("JSON") != std::string::npos);
}

TEST_CASE("all missing fields are named at once, with rejectedValue null") {
    Shop shop;
    const auto check = [&](Method method, const std::string& target, const std::string& fields) {
        const auto answer = shop.story.send(method, target, "{}");
        CHECK(error_fault(answer, 400, target) == "");
        CHECK(fields_of(answer) == fields);
        CHECK(answer.body.find("\"rejectedValue\":null") != std::string::npos);
    };
    check(Method::post, "/customers", "customerName");
    check(Method::put, "/customers/1", "customerName");
    check(Method::post, "/books", "bookName stock");
    check(Method::put, "/books/1", "bookName stock");
    check(Method::post, "/orders", "bookId customerId quantity deliveryAddress");
    check(Method::post, "/stockInputs", "bookId quantity");
    check(Method::put, "/deliveries/1", "deliveryStatus");
}

TEST_CASE("all invalid fields are named at once, each with the value that was sent") {
    Shop shop;
    const auto answer = shop.story.post(
        "/orders",
        R"({"bookId":"abc","customerId":1.5,"quantity":"0","deliveryAddress":"  ",)"
        R"("payAmount":[12],"payType":true})"
    );
    CHECK(error_fault(answer, 400, "/orders") == "");
    CHECK(fields_of(answer) == "bookId customerId quantity deliveryAddress payAmount payType");
    CHECK(rejected(answer, "bookId") == "abc");
    CHECK(rejected(answer, "customerId") == "1.5");
    CHECK(rejected(answer, "quantity") == "0");
    CHECK(rejected(answer, "deliveryAddress") == "  ");
    CHECK(rejected(answer, "payAmount") == "[12]");
    CHECK(rejected(answer, "payType") == "true");
    CHECK(
        answer.body.find(
            R"({"field":"quantity","message":"must be at least 1","rejectedValue":"0"})"
        ) != std::string::npos
    );
}

TEST_CASE("a text field takes 1 to 255 characters and nothing else") {
    Shop shop;
    const auto before = shop.stored();
    for (const auto& value : bad_texts) {
        CAPTURE(value.substr(0, 60));
        const auto check = [&](Method method,
                               const std::string& target,
                               const std::string& body,
                               const std::string& field) {
            const auto answer = shop.story.send(method, target, body);
            CHECK(error_fault(answer, 400, target) == "");
            CHECK(fields_of(answer) == field);
        };
        const auto name = fmt::format(R"({{"customerName":{}}})", value);
        check(Method::post, "/customers", name, "customerName");
        check(Method::put, "/customers/1", name, "customerName");
        check(Method::patch, "/customers/1", name, "customerName");
        const auto book = fmt::format(R"({{"bookName":{},"stock":1}})", value);
        check(Method::post, "/books", book, "bookName");
        check(Method::patch, "/books/1", book, "bookName");
        check(
            Method::post, "/orders", with(order_fields, "deliveryAddress", value), "deliveryAddress"
        );
        check(Method::post, "/orders", with(order_fields, "payType", value), "payType");
        check(
            Method::post,
            "/stockInputs",
            with({{"bookId", "1"}, {"quantity", "1"}}, "inCharger", value),
            "inCharger"
        );
    }
    CHECK(shop.stored() == before);
}

TEST_CASE("a number takes whole numbers, also as strings, and nothing else") {
    Shop shop;
    const auto before = shop.stored();
    for (const auto& value : bad_numbers) {
        CAPTURE(value);
        const auto check = [&](Method method,
                               const std::string& target,
                               const std::string& body,
                               const std::string& field) {
            const auto answer = shop.story.send(method, target, body);
            CHECK(error_fault(answer, 400, target) == "");
            CHECK(fields_of(answer) == field);
        };
        const auto book = fmt::format(R"({{"bookName":"a","stock":{}}})", value);
        check(Method::post, "/books", book, "stock");
        check(Method::put, "/books/1", book, "stock");
        check(Method::patch, "/books/1", book, "stock");
        for (const std::string field : {"bookId", "customerId", "quantity"}) {
            check(Method::post, "/orders", with(order_fields, field, value), field);
        }
        for (const std::string field : {"bookId", "quantity"}) {
            check(
                Method::post,
                "/stockInputs",
                with({{"bookId", "1"}, {"quantity", "1"}}, field, value),
                field
            );
        }
    }
    for (const std::string zero : {"0", "\"0\"", "-0"}) {
        for (const std::string field : {"bookId", "customerId", "quantity"}) {
            CHECK(shop.story.post("/orders", with(order_fields, field, zero)).status == 400);
        }
    }
    CHECK(shop.stored() == before);
}

TEST_CASE("an amount takes 0 to 999999999999.99 with two digits behind the point") {
    Shop shop;
    const auto before = shop.stored();
    for (const auto& value : bad_money) {
        CAPTURE(value);
        const auto answer = shop.story.post("/orders", with(order_fields, "payAmount", value));
        CHECK(error_fault(answer, 400, "/orders") == "");
        CHECK(fields_of(answer) == "payAmount");
    }
    CHECK(shop.stored() == before);
    CHECK(shop.story.post("/orders", with(order_fields, "payAmount", "null")).status == 201);
}

TEST_CASE("a rejected value is cut at 100 characters, by character") {
    Shop shop;
    std::string name;
    for (int i = 0; i < 256; ++i) {
        name += "가";
    }
    const auto answer = shop.story.post("/customers", "{\"customerName\":\"" + name + "\"}");
    CHECK(rejected(answer, "customerName") == name.substr(0, 300));
    const auto list =
        shop.story.post("/books", "{\"bookName\":\"a\",\"stock\":[" + std::string(300, '1') + "]}");
    CHECK(list.status == 400);
    CHECK(rejected(list, "stock").size() <= 100);
}

TEST_CASE("null is the value null where a field may be missing, and an error where it may not") {
    Shop shop;
    const auto answer = shop.story.post("/customers", R"({"customerName":null})");
    CHECK(error_fault(answer, 400, "/customers") == "");
    CHECK(rejected(answer, "customerName") == "null");
    const auto order = shop.story.post(
        "/orders",
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"b","payAmount":null,)"
        R"("payType":null})"
    );
    CHECK(order.status == 201);
    CHECK(order.body.find(R"("payAmount":null,"payType":null)") != std::string::npos);
    const auto input =
        shop.story.post("/stockInputs", R"({"bookId":1,"quantity":1,"inCharger":null})");
    CHECK(input.status == 201);
    CHECK(input.field("inCharger") == "null");
}

TEST_CASE("a name that is given twice is refused on every route, and nothing is stored") {
    Shop shop;
    const auto before = shop.stored();
    for (const auto& [method, target] : routes) {
        CAPTURE(target);
        for (const std::string body :
             {R"({"stock":1,"stock":2})", R"({"a":{"b":1,"b":2}})", R"({"st\u006fck":1,"stock":1})"
             }) {
            const auto answer = shop.story.send(method, target, body);
            CHECK(error_fault(answer, 400, target) == "");
            CHECK(answer.field("message").find("twice") != std::string::npos);
        }
    }
    CHECK(shop.stored() == before);
}

TEST_CASE("bytes that are not UTF-8 are refused on every route, and what they look like is named") {
    Shop shop;
    const auto before = shop.stored();
    for (const auto& [method, target] : routes) {
        CAPTURE(target);
        const auto refused = [&](const std::string& body, const std::string& why) {
            const auto answer = shop.story.send(method, target, body);
            CHECK(error_fault(answer, 400, target) == "");
            CHECK(answer.field("message").find(why) != std::string::npos);
        };
        refused("{\"customerName\":\"\xC8\xAB\xB1\xE6\xB5\xBF\"}", "EUC-KR");
        refused("\xEF\xBB\xBF{\"customerName\":\"kim\"}", "byte order mark");
        refused("{\"customerName\":\"caf\xE9\"}", "0xE9");
    }
    CHECK(shop.stored() == before);
}

TEST_CASE("unknown and read-only fields, id and _links are passed over") {
    Shop shop;
    const auto answer = shop.story.post(
        "/orders",
        R"({"id":77,"orderId":78,"_links":{"self":{"href":"x"}},"orderStatus":"Shipped",)"
        R"("colour":["red",{"a":null}],"bookId":1,"customerId":1,"quantity":1,)"
        R"("deliveryAddress":"busan"})"
    );
    CHECK(answer.status == 201);
    CHECK(answer.id() == 2);
    CHECK(answer.field("orderStatus") == "ORDERED");
    CHECK(answer.field("quantity") == "1");
    const auto put = shop.story.put(
        "/customers/1", R"({"customerName":"lee","customerId":9,"_links":{},"deleted":true})"
    );
    CHECK(put.status == 200);
    CHECK(shop.story.of("/customers/1", "customerName") == "lee");
}

TEST_CASE("the largest numbers are kept exactly; a stock that would exceed them is refused") {
    Shop shop;
    const auto book = shop.story.given_book(9007199254740990);
    CHECK(shop.story.of("/books/2", "stock") == "9007199254740990");
    const auto input =
        shop.story.post("/stockInputs", fmt::format(R"({{"bookId":{},"quantity":2}})", book));
    CHECK(error_fault(input, 400, "/stockInputs") == "");
    CHECK(fields_of(input) == "quantity");
    shop.story.put_in_stock(book, 1);
    CHECK(shop.story.of("/books/2", "stock") == "9007199254740991");
    const auto order = shop.story.place_order(book, 1, 9007199254740991, "999999999999.99");
    CHECK(shop.story.order_becomes(order, "Shipped"));
    CHECK(shop.story.of("/books/2", "stock") == "0");
    CHECK(shop.story.ends_with() == "");
}
