#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"

using namespace bookstore::test;

namespace {

const std::vector<std::pair<std::string, std::string>> collections{
    {"customers", "customer"},
    {"myPages", "myPage"},
    {"books", "book"},
    {"stockInputs", "stockInput"},
    {"deliverables", "deliverable"},
    {"orders", "order"},
    {"deliveries", "delivery"},
    {"payments", "payment"},
    {"paymentHistories", "paymentHistory"}
};

const std::vector<std::pair<std::string, std::string>> finders{
    {"/deliverables/search/findByOrderId", "orderId"},
    {"/deliveries/search/findFirstByOrderId", "orderId"},
    {"/myPages/search/findByOrderId", "orderId"},
    {"/myPages/search/findByCustomerId", "customerId"},
    {"/orders/search/findByCustomerId", "customerId"},
    {"/payments/search/findByOrderId", "orderId"},
    {"/paymentHistories/search/findByOrderId", "orderId"}
};

const std::vector<std::string> bad_ids{
    "0",
    "-1",
    "abc",
    "1.5",
    "9007199254740992",
    "99999999999999999999",
    "%201",
    "1%20",
    "+1",
    "0x1",
    "1,2",
    "null"
};

}  // namespace

TEST_CASE("an unknown id is 404 and named") {
    Story story;
    for (const auto& [collection, singular] : collections) {
        for (const std::string id : {"1", "42", "9007199254740991"}) {
            const std::string path = fmt::format("/{}/{}", collection, id);
            const auto answer = story.get(path);
            CHECK(error_fault(answer, 404, path) == "");
            CHECK(answer.field("message") == fmt::format("there is no {} {}", singular, id));
        }
    }
    CHECK(error_fault(story.del("/orders/42"), 404, "/orders/42") == "");
    CHECK(story.del("/orders/42").field("message") == "there is no order 42");
    CHECK(story.del("/books/42").field("message") == "there is no book 42");
    CHECK(story.del("/customers/42").field("message") == "there is no customer 42");
    CHECK(story.post("/orders/42/verification").field("message") == "there is no order 42");
    const auto move = story.patch("/deliveries/42", R"({"deliveryStatus":"Shipped"})");
    CHECK(error_fault(move, 404, "/deliveries/42") == "");
}

TEST_CASE("an id that is none is 400, in a path and in a finder") {
    Story story;
    for (const auto& bad : bad_ids) {
        CAPTURE(bad);
        for (const auto& [collection, singular] : collections) {
            CHECK(story.get(fmt::format("/{}/{}", collection, bad)).status == 400);
        }
        CHECK(story.del("/orders/" + bad).status == 400);
        CHECK(story.post(fmt::format("/orders/{}/verification", bad)).status == 400);
        CHECK(story.patch("/deliveries/" + bad, R"({"deliveryStatus":"Shipped"})").status == 400);
        for (const auto& [finder, parameter] : finders) {
            const auto answer =
                story.get(fmt::format("{}?{}={}", finder, parameter, bad == "+1" ? "%2B1" : bad));
            CHECK(error_fault(answer, 400, finder) == "");
            CHECK(answer.field("errors").find(parameter) != std::string::npos);
        }
    }
    CHECK(error_fault(story.get("/orders/abc"), 400, "/orders/abc") == "");
}

TEST_CASE("a finder without its parameter is 400, and one that finds nothing 404 or empty") {
    Story story;
    for (const auto& [finder, parameter] : finders) {
        CAPTURE(finder);
        for (const auto& target : {finder, finder + "?" + parameter + "=", finder + "?other=1"}) {
            const auto answer = story.get(target);
            CHECK(error_fault(answer, 400, finder) == "");
            CHECK(answer.field("message").find(parameter) != std::string::npos);
        }
        const auto nothing = story.get(fmt::format("{}?{}=42", finder, parameter));
        const bool is_list = finder.find("findByCustomerId") != std::string::npos ||
                             finder.starts_with("/myPages") ||
                             finder.starts_with("/paymentHistories");
        if (is_list) {
            CHECK(nothing.status == 200);
            CHECK(nothing.body.find(":[]}") != std::string::npos);
        } else {
            CHECK(error_fault(nothing, 404, finder) == "");
            CHECK(nothing.field("message").find("42") != std::string::npos);
        }
    }
}

TEST_CASE("page, size and sort that mean nothing are 400 and say what is allowed") {
    Story story;
    std::vector<std::string> targets{
        "/myPages/search/findByCustomerId?customerId=1&",
        "/orders/search/findByCustomerId?customerId=1&"
    };
    for (const auto& [collection, singular] : collections) {
        targets.push_back(fmt::format("/{}?", collection));
    }
    const std::vector<std::pair<std::string, std::string>> bad{
        {"page", "-1"},
        {"page", "abc"},
        {"page", "1.5"},
        {"page", ""},
        {"page", "9007199254740992"},
        {"page", "99999999999999999999"},
        {"size", "0"},
        {"size", "-5"},
        {"size", "x"},
        {"size", ""},
        {"size", "9007199254740992"},
        {"sort", "nothing"},
        {"sort", "status,desc"},
        {"sort", ""},
        {"sort", ",desc"}
    };
    for (const auto& target : targets) {
        for (const auto& [name, value] : bad) {
            CAPTURE(target + name + "=" + value);
            const auto answer = story.get(target + name + "=" + value);
            CHECK(error_fault(answer, 400, target.substr(0, target.find('?'))) == "");
            CHECK(answer.field("message").find(name) != std::string::npos);
            CHECK(answer.field("errors").find("\"field\":\"" + name + "\"") != std::string::npos);
            CHECK(
                answer.field("errors").find("\"rejectedValue\":\"" + value + "\"") !=
                std::string::npos
            );
        }
    }
    const auto order = story.get("/orders?sort=orderId,up");
    CHECK(order.status == 400);
    CHECK(order.field("message").find("orderId,desc") != std::string::npos);
    CHECK(story.get("/orders?sort=orderId,asc,desc").status == 400);
    CHECK(story.get("/payments?sort=paymentId,desc").status == 200);
    CHECK(story.get("/deliveries?sort=id,asc").status == 200);
}

TEST_CASE("a path where nothing is is 404, and named") {
    Story story;
    for (const std::string path :
         {"/nothing",
          "/orders/1/2/3",
          "/Orders",
          "/orders/1/verify",
          "/customers/1/x",
          "/event",
          "/rebuilds",
          "/rebuilds/other",
          "/orders/search/findByBookId",
          "/%ED%95%9C"}) {
        CAPTURE(path);
        const auto answer = story.get(path);
        CHECK(error_fault(answer, 404, path == "/%ED%95%9C" ? "/한" : path) == "");
        CHECK(story.post(path, "{}").status == 404);
        CHECK(story.del(path).status == 404);
    }
    CHECK(error_fault(story.get("/%00"), 400, "/%00").find("it is") == std::string::npos);
    CHECK(story.get("/orders/%zz").status == 400);
    CHECK(story.get("/orders?page=%zz").status == 400);
    // What is no UTF-8 does not come back as it was sent: the answer is JSON.
    const auto broken = story.get("/%FF%FE");
    CHECK(broken.status == 404);
    CHECK(broken.field("path") == "/\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("a wrong method is 405 with Allow, and OPTIONS tells the same") {
    Story story;
    story.given_customer();
    const std::string collection = "GET, HEAD, OPTIONS";
    const std::vector<std::tuple<std::string, std::string, std::vector<Method>>> table{
        {"/customers", "GET, HEAD, POST, OPTIONS", {Method::put, Method::patch, Method::del}},
        {"/books", "GET, HEAD, POST, OPTIONS", {Method::put, Method::patch, Method::del}},
        {"/orders", "GET, HEAD, POST, OPTIONS", {Method::put, Method::patch, Method::del}},
        {"/stockInputs", "GET, HEAD, POST, OPTIONS", {Method::put, Method::patch, Method::del}},
        {"/payments", collection, {Method::post, Method::put, Method::patch, Method::del}},
        {"/paymentHistories", collection, {Method::post, Method::put, Method::del}},
        {"/myPages", collection, {Method::post, Method::put, Method::del}},
        {"/deliveries", collection, {Method::post, Method::put, Method::del}},
        {"/deliverables", collection, {Method::post, Method::put, Method::del}},
        {"/customers/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", {Method::post}},
        {"/orders/1", "GET, HEAD, DELETE, OPTIONS", {Method::put, Method::patch, Method::post}},
        {"/deliveries/1", "GET, HEAD, PUT, PATCH, OPTIONS", {Method::post, Method::del}},
        {"/payments/1", collection, {Method::post, Method::put, Method::patch, Method::del}},
        {"/stockInputs/1", collection, {Method::put, Method::del}},
        {"/myPages/1", collection, {Method::put, Method::del}},
        {"/orders/search", collection, {Method::post}},
        {"/orders/1/verification", "POST, OPTIONS", {Method::get, Method::head, Method::put}},
        {"/requestPayment", "GET, POST, OPTIONS", {Method::head, Method::put, Method::del}},
        {"/cancelPayment", "POST, OPTIONS", {Method::get, Method::head, Method::del}},
        {"/makeZombie", "GET, OPTIONS", {Method::head, Method::post}},
        {"/isReady", collection, {Method::post, Method::del}},
        {"/isHealthy", collection, {Method::post}},
        {"/events", collection, {Method::post, Method::del}},
        {"/rebuilds/my-page", "GET, HEAD, POST, DELETE, OPTIONS", {Method::put}},
        {"/", collection, {Method::post, Method::put}}
    };
    for (const auto& [path, allow, methods] : table) {
        for (const Method method : methods) {
            CAPTURE(path);
            const auto answer = story.send(method, path, method == Method::head ? "" : "{}");
            CHECK(answer.status == 405);
            CHECK(answer.header("Allow") == allow);
            if (method != Method::head) {
                CHECK(error_fault(answer, 405, path) == "");
                CHECK(answer.field("message").find(allow) != std::string::npos);
            }
        }
        const auto options = story.send(Method::options, path);
        CHECK(options.status == 204);
        CHECK(options.header("Allow") == allow);
        const bool patch = allow.find("PATCH") != std::string::npos;
        CHECK(options.header("Accept-Patch").empty() == !patch);
    }
    CHECK(story.get("/isHealthy").status == 200);
}

TEST_CASE("a body of another type is 415 with a hint, before anything changes") {
    Story story;
    story.given_customer();
    story.given_book(3);
    const std::string form = "application/x-www-form-urlencoded";
    const std::vector<std::pair<Method, std::string>> routes{
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
    for (const auto& [method, path] : routes) {
        for (const auto& type : std::vector<std::string>{
                 form,
                 std::string("text/plain"),
                 std::string("application/xml"),
                 std::string("multipart/form-data; boundary=x"),
                 std::string("text/json"),
                 std::string("application/json-patch+json"),
                 std::string("json")
             }) {
            CAPTURE(path + " " + type);
            const auto answer = story.send(
                method, path, R"({"customerName":"lee","stock":9})", {{"Content-Type", type}}
            );
            CHECK(error_fault(answer, 415, path) == "");
            CHECK(answer.field("message").find("application/json") != std::string::npos);
        }
    }
    CHECK(story.of("/customers/1", "customerName") == "kim");
    CHECK(story.of("/books/1", "stock") == "3");
    for (const std::string type :
         {"application/json",
          "application/json; charset=utf-8",
          "application/hal+json",
          "APPLICATION/JSON",
          "application/vnd.shop+json",
          "application/merge-patch+json",
          ""}) {
        CAPTURE(type);
        const auto answer = story.send(
            Method::post, "/customers", R"({"customerName":"lee"})", {{"Content-Type", type}}
        );
        CHECK(answer.status == 201);
    }
    // Paths whose POST needs no body do not look at it.
    CHECK(
        story.send(
                 Method::post, "/requestPayment?payment=1", "a=b", {{"Content-Type", form}}
        ).body == "PAYMENT_COMPLETED"
    );
}

TEST_CASE("a body in another charset or encoded is 415, and nothing is stored") {
    Story story;
    const std::string kim = R"({"customerName":"kim"})";
    const auto post = [&](std::vector<bookstore::http::Header> headers) {
        return story.send(Method::post, "/customers", kim, std::move(headers));
    };
    const auto charset = post({{"Content-Type", "application/json; charset=euc-kr"}});
    CHECK(error_fault(charset, 415, "/customers") == "");
    CHECK(charset.field("message").find("euc-kr") != std::string::npos);
    const auto gzip = post({{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}});
    CHECK(error_fault(gzip, 415, "/customers") == "");
    CHECK(gzip.header("Accept-Encoding") == "identity");
    CHECK(story.of("/customers", "page.totalElements") == "0");
    CHECK(
        post({{"Content-Type", "application/json"}, {"Content-Encoding", "identity"}}).status == 201
    );
}

TEST_CASE("an error is a problem detail (RFC 9457) to who prefers that, with the same facts") {
    Story story;
    const std::string accept = "application/problem+json";
    const auto invalid = story.send(
        Method::post,
        "/orders",
        R"({"quantity":0})",
        {{"Content-Type", "application/json"}, {"Accept", "application/hal+json, " + accept}}
    );
    CHECK(invalid.status == 400);
    CHECK(invalid.header("Content-Type") == accept);
    CHECK(invalid.header("Vary") == "Accept");
    CHECK(invalid.field("type") == "about:blank");
    CHECK(invalid.field("title") == "Bad Request");
    CHECK(invalid.field("status") == "400");
    CHECK(invalid.field("instance") == "/orders");
    CHECK(invalid.json().at("errors").as_array().size() >= 4);
    CHECK(story.get("/nothing", {{"Accept", accept}}).header("Content-Type") == accept);
    CHECK(error_fault(story.get("/nothing", {{"Accept", "*/*"}}), 404, "/nothing") == "");
}

TEST_CASE("an Accept that none fits is 406, and nothing was changed") {
    Story story;
    story.given_customer();
    const auto with = [](const std::string& accept) {
        return std::vector<bookstore::http::Header>{{"Accept", accept}};
    };
    for (const std::string accept :
         {"text/html", "application/xml", "image/*", "application/json;q=0", "*/*;q=0"}) {
        CAPTURE(accept);
        CHECK(error_fault(story.get("/orders", with(accept)), 406, "/orders") == "");
        CHECK(error_fault(story.get("/orders/1", with(accept)), 406, "/orders/1") == "");
        const auto post =
            story.send(Method::post, "/customers", R"({"customerName":"lee"})", with(accept));
        CHECK(error_fault(post, 406, "/customers") == "");
    }
    CHECK(story.of("/customers", "page.totalElements") == "1");
    const auto type = [&](const std::string& accept) {
        return story.get("/customers/1", with(accept)).header("Content-Type");
    };
    CHECK(type("*/*") == "application/hal+json;charset=UTF-8");
    CHECK(type("application/*") == "application/hal+json;charset=UTF-8");
    CHECK(type("application/hal+json") == "application/hal+json;charset=UTF-8");
    CHECK(type("application/json") == "application/json;charset=UTF-8");
    CHECK(type("application/json, */*;q=0.5") == "application/json;charset=UTF-8");
    CHECK(
        type("application/json;q=0.1, application/hal+json") == "application/hal+json;charset=UTF-8"
    );
    CHECK(type("text/html, application/json;q=0.9") == "application/json;charset=UTF-8");
    CHECK(story.get("/requestPayment?payment=1", with("application/json")).status == 406);
    CHECK(story.get("/requestPayment?payment=1", with("text/plain")).status == 200);
    CHECK(story.get("/isReady", with("text/html")).status == 200);
    CHECK(story.send(Method::del, "/customers/1", {}, with("text/html")).status == 204);
}

TEST_CASE("what is too large is refused: body 413, header 431, target 414") {
    Story story;
    const std::string name(1 << 20, 'a');
    const auto body = story.post("/customers", "{\"customerName\":\"" + name + "\"}");
    CHECK(error_fault(body, 413, "/customers") == "");
    const auto header = story.get("/customers", {{"X-Much", std::string(20'000, 'a')}});
    CHECK(header.status == 431);
    const auto target = story.get("/customers?x=" + std::string(9'000, 'a'));
    CHECK(target.status == 414);
    CHECK(target.field("status") == "414");
    CHECK(story.of("/customers", "page.totalElements") == "0");
    const auto small = story.post(
        "/customers", "{\"customerName\":\"kim\",\"x\":\"" + std::string(1'000'000, 'a') + "\"}"
    );
    CHECK(small.status == 201);
    story.restart({"--max-body-bytes", "100", "--max-target-bytes", "200"});
    CHECK(
        story.post("/customers", "{\"customerName\":\"" + std::string(90, 'a') + "\"}").status ==
        413
    );
    CHECK(story.get("/customers?x=" + std::string(200, 'a')).status == 414);
}

TEST_CASE("HEAD is GET without the body; a trailing slash is the same resource") {
    Story story;
    story.given_customer();
    for (const std::string target :
         {"/customers", "/customers/1", "/", "/orders?page=3", "/orders/9"}) {
        const auto get = story.get(target);
        const auto head = story.send(Method::head, target);
        CHECK(head.status == get.status);
        CHECK(head.body.empty());
        CHECK(head.header("Content-Type") == get.header("Content-Type"));
        if (get.status == 200) {
            CHECK(head.header("Content-Length") == std::to_string(get.body.size()));
        }
    }
    CHECK(story.get("/customers/1/").body == story.get("/customers/1").body);
    CHECK(story.get("/customers/").body == story.get("/customers").body);
    CHECK(story.post("/customers/", R"({"customerName":"lee"})").status == 201);
}

TEST_CASE("links use the request's Host") {
    Story story;
    story.given_customer();
    const auto answer = story.get("/customers/1", {});
    CHECK(answer.field("_links.self.href") == story.url() + "/customers/1");
}

TEST_CASE("no error shows SQL, a path of the machine or a C++ type") {
    Story story;
    for (const auto& answer :
         {story.post("/orders", "{"),
          story.post("/orders", "{}"),
          story.get("/orders/abc"),
          story.get("/orders/5"),
          story.get("/nothing"),
          story.get("/orders?sort=x")}) {
        const auto message = answer.field("message");
        for (const std::string leak :
             {"SELECT", "std::", "boost", "/tmp", "/work", ".db", "exception"}) {
            CHECK(message.find(leak) == std::string::npos);
        }
    }
}
