#include "http/router.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "http/authentication.hpp"
#include "http/chunked.hpp"
#include "http/media.hpp"
#include "http/message.hpp"
#include "http/request_parser.hpp"
#include "http/target.hpp"
#include "http/text.hpp"
#include "http/wire.hpp"

using namespace bookstore::http;

namespace {

Handler says(std::string text) {
    return [text = std::move(text)](const Request& request, const Done& done) {
        Response response;
        response.content_type = "text/plain";
        response.body = text;
        for (const std::string& capture : request.captures) {
            response.body += "<" + capture + ">";
        }
        if (request.prefers_json) {
            response.body += " as json";
        }
        done(std::move(response));
    };
}

Route route(
    Method method,
    std::string pattern,
    Produces produces = Produces::nothing,
    Consumes consumes = Consumes::nothing,
    bool head = true,
    Audience audience = Audience::everybody
) {
    auto text = std::string(name_of(method)) + " " + pattern;
    return {
        .audience = audience,
        .method = method,
        .pattern = std::move(pattern),
        .produces = produces,
        .consumes = consumes,
        .head = head,
        .handler = says(std::move(text))
    };
}

Router shop() {
    std::vector<Route> routes;
    routes.push_back(route(Method::get, "/"));
    routes.push_back(route(Method::get, "/books", Produces::hal));
    routes.push_back(route(Method::post, "/books", Produces::hal, Consumes::json));
    routes.push_back(route(Method::get, "/books/search"));
    routes.push_back(route(Method::get, "/books/{id}", Produces::hal));
    routes.push_back(route(Method::patch, "/books/{id}", Produces::hal, Consumes::merge_patch));
    routes.push_back(route(Method::del, "/books/{id}"));
    routes.push_back(route(Method::get, "/books/search/findByName"));
    routes.push_back(route(Method::get, "/books/{id}/pages/{page}"));
    routes.push_back(route(Method::get, "/books/search/{finder}/help"));
    routes.push_back(route(Method::post, "/orders/{id}/verification"));
    routes.push_back(route(Method::get, "/makeZombie", Produces::nothing, Consumes::nothing, false)
    );
    routes.push_back(route(Method::get, "/health", Produces::json));
    routes.push_back(route(Method::get, "/events", Produces::event_stream));
    routes.push_back(route(Method::get, "/ui", Produces::html));
    routes.push_back(route(Method::get, "/cancelPayment", Produces::text));
    routes.push_back(route(Method::get, "/profile", Produces::alps));
    routes.push_back(route(Method::get, "/profile/{collection}", Produces::profile));
    routes.back().handler = [](const Request& request, const Done& done) {
        Response response;
        response.body = request.prefers_schema ? "schema" : request.prefers_json ? "json" : "alps";
        done(std::move(response));
    };
    routes.push_back(route(Method::get, "/tagged"));
    routes.back().handler = [](const Request&, const Done& done) {
        Response response;
        response.headers.push_back({"ETag", "\"1\""});
        done(std::move(response));
    };
    return Router(std::move(routes));
}

struct Asked {
    int status = 0;
    std::string body;
    std::vector<Header> headers;

    std::string header(std::string_view name) const {
        for (const Header& h : headers) {
            if (h.name == name) {
                return h.value;
            }
        }
        return "";
    }
};

Request request_for(Method method, std::string_view target, std::vector<Header> headers = {}) {
    Request request;
    request.method = method;
    request.target = target;
    auto parsed = parse_target(target);
    REQUIRE(parsed.has_value());
    request.path = parsed->path;
    request.literal_slashes = parsed->literal_slashes;
    request.query = parsed->query;
    request.headers = std::move(headers);
    return request;
}

Asked ask(Method method, std::string_view target, std::vector<Header> headers = {}) {
    static const Router router = shop();
    Request request = request_for(method, target, std::move(headers));
    Asked asked;
    router.dispatch(request, [&](Answer answer) {
        REQUIRE(asked.status == 0);
        if (auto* problem = std::get_if<Problem>(&answer)) {
            asked = {problem->status, problem->message, problem->headers};
        } else {
            auto& response = std::get<Response>(answer);
            asked = {response.status, response.body, response.headers};
        }
    });
    return asked;
}

Asked accepting(std::string_view target, std::string accept) {
    return ask(Method::get, target, {{"Accept", std::move(accept)}});
}

}  // namespace

TEST_CASE("a path reaches the route with its segments") {
    CHECK(ask(Method::get, "/").body == "GET /");
    CHECK(ask(Method::get, "/books").body == "GET /books");
    CHECK(ask(Method::get, "/books/17").body == "GET /books/{id}<17>");
    CHECK(ask(Method::get, "/books/17/pages/3").body == "GET /books/{id}/pages/{page}<17><3>");
    CHECK(ask(Method::post, "/orders/4/verification").body == "POST /orders/{id}/verification<4>");
}

TEST_CASE("a literal segment wins over a capture") {
    CHECK(ask(Method::get, "/books/search").body == "GET /books/search");
    CHECK(ask(Method::get, "/books/search/findByName").body == "GET /books/search/findByName");
}

TEST_CASE("a literal segment that leads nowhere gives way to a capture") {
    CHECK(
        ask(Method::get, "/books/search/pages/3").body == "GET /books/{id}/pages/{page}<search><3>"
    );
    CHECK(ask(Method::get, "/books/search/x/help").body == "GET /books/search/{finder}/help<x>");
}

TEST_CASE("a trailing slash is the same resource") {
    CHECK(ask(Method::get, "/books/").body == "GET /books");
    CHECK(ask(Method::get, "/books/17/").body == "GET /books/{id}<17>");
}

TEST_CASE("captures are percent-decoded, and an encoded slash ends no segment") {
    CHECK(ask(Method::get, "/books/a%20b").body == "GET /books/{id}<a b>");
    CHECK(ask(Method::get, "/books/a%2Fb").body == "GET /books/{id}<a/b>");
    CHECK(
        ask(Method::get, "/books/%2f/pages/%2F%2F").body == "GET /books/{id}/pages/{page}</><//>"
    );
    CHECK(ask(Method::get, "/books/17%2F").body == "GET /books/{id}<17/>");
    CHECK(ask(Method::get, "/%62ooks").body == "GET /books");
    CHECK(ask(Method::get, "/books%2F17").status == 404);
}

TEST_CASE("an empty segment is captured by nothing") {
    CHECK(ask(Method::get, "/books//pages/3").status == 404);
    CHECK(ask(Method::get, "//books").status == 404);
    CHECK(ask(Method::post, "/orders//verification").status == 404);
}

TEST_CASE("an unknown path is 404 and named") {
    const auto asked = ask(Method::get, "/boks/17");
    CHECK(asked.status == 404);
    CHECK(asked.body.find("/boks/17") != std::string::npos);
    CHECK(ask(Method::get, "/orders").status == 404);
    CHECK(ask(Method::get, "/books/17/pages").status == 404);
    CHECK(ask(Method::options, "/nothing").status == 404);
}

TEST_CASE("a wrong method is 405 and says which are right") {
    const auto item = ask(Method::put, "/books/17");
    CHECK(item.status == 405);
    CHECK(item.header("Allow") == "GET, HEAD, PATCH, DELETE, OPTIONS");
    CHECK(ask(Method::del, "/books").header("Allow") == "GET, HEAD, POST, OPTIONS");
    CHECK(ask(Method::get, "/orders/4/verification").header("Allow") == "POST, OPTIONS");
}

TEST_CASE("HEAD stands for GET, but not where GET does something") {
    CHECK(ask(Method::head, "/books/17").body == "GET /books/{id}<17>");
    const auto zombie = ask(Method::head, "/makeZombie");
    CHECK(zombie.status == 405);
    CHECK(zombie.header("Allow") == "GET, OPTIONS");
    CHECK(ask(Method::head, "/orders/4/verification").status == 405);
}

TEST_CASE("OPTIONS lists the methods, and the patch formats where there is PATCH") {
    const auto item = ask(Method::options, "/books/17");
    CHECK(item.status == 204);
    CHECK(item.header("Allow") == "GET, HEAD, PATCH, DELETE, OPTIONS");
    CHECK(item.header("Accept-Patch") == "application/merge-patch+json, application/json");
    const auto collection = ask(Method::options, "/books");
    CHECK(collection.status == 204);
    CHECK(collection.header("Accept-Patch").empty());
    const auto server = ask(Method::options, "*");
    CHECK(server.status == 204);
    CHECK(server.header("Allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    CHECK(ask(Method::get, "*").status == 404);
}

TEST_CASE("a method that nobody knows is 501, whatever the path") {
    CHECK(ask(Method::other, "/books").status == 501);
    CHECK(ask(Method::other, "/nothing").status == 501);
}

TEST_CASE("TRACE and CONNECT are known methods that no path allows") {
    for (const Method method : {Method::trace, Method::connect}) {
        CHECK(ask(method, "/books").status == 405);
        CHECK(ask(method, "/books").header("Allow") == "GET, HEAD, POST, OPTIONS");
        CHECK(ask(method, "/nothing").status == 404);
    }
    const Router router = shop();
    Request tunnel;
    tunnel.method = Method::connect;
    tunnel.target = "a:443";
    const auto problem = router.header_problem(tunnel);
    REQUIRE(problem.has_value());
    CHECK(problem->status == 405);
}

TEST_CASE("a false If-Match is 412 on every method, where there is a tag and where there is none") {
    const auto with = [](Method method, std::string_view target, std::string tags) {
        return ask(method, target, {{"If-Match", std::move(tags)}}).status;
    };
    CHECK(with(Method::get, "/tagged", "\"1\"") == 200);
    CHECK(with(Method::get, "/tagged", "\"0\", \"1\"") == 200);
    CHECK(with(Method::get, "/tagged", "*") == 200);
    CHECK(with(Method::head, "/tagged", "\"1\"") == 200);
    for (const std::string tags : {"\"0\"", "W/\"1\"", "\"1-gzip\"", "1", ""}) {
        CAPTURE(tags);
        const auto asked = ask(Method::get, "/tagged", {{"If-Match", tags}});
        CHECK(asked.status == 412);
        CHECK(asked.header("ETag") == "\"1\"");
        CHECK(with(Method::head, "/tagged", tags) == 412);
    }
    CHECK(with(Method::get, "/books", "*") == 200);
    CHECK(with(Method::get, "/books", "\"1\"") == 412);
    CHECK(with(Method::post, "/books", "*") == 200);
    CHECK(with(Method::post, "/books", "\"1\"") == 412);
    CHECK(with(Method::post, "/orders/1/verification", "\"1\"") == 412);
    CHECK(with(Method::get, "/makeZombie", "\"1\"") == 412);
    CHECK(with(Method::get, "/nothing", "\"1\"") == 404);  // another answer than 2xx stays
    CHECK(with(Method::options, "/books", "\"1\"") == 204);
}

TEST_CASE("a 412 says what helps where a compressing proxy changed the tag") {
    for (const std::string tags : {"W/\"1\"", "\"1-gzip\"", "\"1--gzip\"", "W/\"1;br\""}) {
        CAPTURE(tags);
        const auto asked = ask(Method::get, "/tagged", {{"If-Match", tags}});
        CHECK(asked.status == 412);
        CHECK(asked.body.find("Accept-Encoding: identity") != std::string::npos);
        CHECK(asked.body.find("send \"1\"") != std::string::npos);
    }
    const auto other = ask(Method::get, "/tagged", {{"If-Match", "\"2-gzip\""}});
    CHECK(other.body.find("Accept-Encoding") == std::string::npos);
}

TEST_CASE("a profile is ALPS, or a JSON Schema to who prefers that, and nothing else") {
    CHECK(accepting("/profile/books", "*/*").body == "alps");
    CHECK(accepting("/profile/books", "application/alps+json").body == "alps");
    CHECK(accepting("/profile/books", "application/json").body == "json");
    CHECK(accepting("/profile/books", "application/schema+json").body == "schema");
    CHECK(accepting("/profile/books", "application/schema+json, */*;q=0.5").body == "schema");
    CHECK(accepting("/profile/books", "application/schema+json;q=0.5, */*").body == "alps");
    CHECK(
        accepting("/profile/books", "application/schema+json, application/alps+json").body == "alps"
    );
    for (const std::string type : {"text/html", "application/hal+json", "application/xml"}) {
        CHECK(accepting("/profile/books", type).status == 406);
    }
    CHECK(accepting("/profile", "application/alps+json").status == 200);
    CHECK(accepting("/profile", "application/schema+json").status == 406);
}

TEST_CASE("an error's form is what Accept prefers of the two") {
    const auto form = [](std::string accept) {
        Request request;
        request.headers = {{"Accept", std::move(accept)}};
        return problem_form(request) == ProblemForm::problem_json;
    };
    CHECK(form("application/problem+json"));
    CHECK(form("application/hal+json, application/problem+json"));
    CHECK(form("application/json;q=0.5, application/problem+json;q=0.6"));
    CHECK(form("*/*;q=0.1, application/problem+json"));
    CHECK_FALSE(form("application/json, application/problem+json;q=0.9"));
    CHECK_FALSE(form("application/problem+json;q=0"));
    CHECK_FALSE(form("*/*"));
    CHECK_FALSE(form("application/*"));
    CHECK_FALSE(form(""));
    CHECK(problem_form(Request()) == ProblemForm::error);
}

TEST_CASE("a body in another charset or with a Content-Encoding is 415 that says what is taken") {
    const auto post = [](std::vector<Header> headers) {
        return ask(Method::post, "/books", std::move(headers));
    };
    for (const std::string type :
         {"application/json",
          "application/json; charset=utf-8",
          "application/json;charset=\"UTF-8\"",
          "application/hal+json ; Charset=Utf8 ; x=y"}) {
        CAPTURE(type);
        CHECK(post({{"Content-Type", type}, {"Content-Encoding", "identity"}}).status == 200);
    }
    for (const std::string type :
         {"application/json; charset=euc-kr",
          "application/json;charset=\"ISO-8859-1\"",
          "application/json; charset=utf-16",
          "application/json; charset=utf-8; charset=cp949",
          "application/json; charset="}) {
        CAPTURE(type);
        const auto asked = post({{"Content-Type", type}});
        CHECK(asked.status == 415);
        CHECK(asked.body.find("UTF-8") != std::string::npos);
    }
    CHECK(post({{"Content-Type", "application/json"}, {"Content-Type", "text/csv"}}).status == 415);
    for (const std::string coding : {"gzip", "identity, br", "GZIP", "x"}) {
        CAPTURE(coding);
        const auto asked = post({{"Content-Encoding", coding}});
        CHECK(asked.status == 415);
        CHECK(asked.header("Accept-Encoding") == "identity");
    }
    // Paths whose POST needs no body look at neither.
    CHECK(
        ask(Method::post,
            "/orders/1/verification",
            {{"Content-Type", "text/csv; charset=x"}, {"Content-Encoding", "gzip"}})
            .status == 200
    );
}

TEST_CASE("HAL is the default and JSON is given to those who prefer it") {
    const std::string hal = "GET /books";
    const std::string json = "GET /books as json";
    CHECK(ask(Method::get, "/books").body == hal);
    CHECK(accepting("/books", "*/*").body == hal);
    CHECK(accepting("/books", "application/*").body == hal);
    CHECK(accepting("/books", "").body == hal);
    CHECK(accepting("/books", "application/hal+json").body == hal);
    CHECK(accepting("/books", "application/hal+json, application/json").body == hal);
    CHECK(accepting("/books", "text/html,application/xml;q=0.9,*/*;q=0.8").body == hal);
    CHECK(accepting("/books", "application/json").body == json);
    CHECK(accepting("/books", "APPLICATION/JSON; charset=utf-8").body == json);
    CHECK(accepting("/books", "application/json, */*;q=0.5").body == json);
    CHECK(accepting("/books", "application/json, text/plain, */*").body == json);
    CHECK(accepting("/books", "application/hal+json;q=0.4, application/json;q=0.5").body == json);
    CHECK(accepting("/books", "application/hal+json;q=0.5, application/json;q=0.4").body == hal);
    CHECK(accepting("/books", "application/*, application/hal+json;q=0").body == json);
    CHECK(accepting("/books", "*/*, application/json;q=0").body == hal);
}

TEST_CASE("several Accept fields count as one") {
    const auto asked =
        ask(Method::get,
            "/books",
            {{"Accept", "application/hal+json;q=0.1"}, {"accept", "application/json"}});
    CHECK(asked.body == "GET /books as json");
}

TEST_CASE("an Accept that none fits is 406, and the handler does not run") {
    CHECK(accepting("/books", "text/html").status == 406);
    CHECK(accepting("/books", "application/hal+json;q=0, application/json;q=0.000").status == 406);
    CHECK(accepting("/books", "*/*;q=0").status == 406);
    CHECK(accepting("/books", "nonsense").status == 406);
    CHECK(accepting("/books", "text/html").body.find("application/hal+json") != std::string::npos);
    CHECK(accepting("/events", "application/json").status == 406);
    CHECK(accepting("/ui", "application/json").status == 406);
    CHECK(accepting("/cancelPayment", "application/json").status == 406);
    CHECK(accepting("/health", "text/plain").status == 406);
}

TEST_CASE("each kind of route accepts its own media type") {
    CHECK(accepting("/events", "text/event-stream").status == 200);
    CHECK(accepting("/ui", "text/html;q=0.5").status == 200);
    CHECK(accepting("/cancelPayment", "text/*").status == 200);
    CHECK(accepting("/health", "application/json").status == 200);
    CHECK(accepting("/health", "application/hal+json").status == 200);
    CHECK(accepting("/makeZombie", "image/png").status == 200);
}

TEST_CASE("a body that is not JSON is 415 with a hint for curl") {
    const auto post = [](std::string type) {
        return ask(Method::post, "/books", {{"Content-Type", std::move(type)}});
    };
    const auto form = post("application/x-www-form-urlencoded");
    CHECK(form.status == 415);
    CHECK(form.body.find("-H 'Content-Type: application/json'") != std::string::npos);
    CHECK(form.header("Accept") == "application/json, application/hal+json");
    CHECK(post("text/plain").status == 415);
    CHECK(post("application").status == 415);
    CHECK(post("text/json").status == 415);
    CHECK(post("multipart/form-data; boundary=x").status == 415);
}

TEST_CASE("JSON by any name is a body, and no name at all") {
    const auto post = [](std::string type) {
        return ask(Method::post, "/books", {{"content-type", std::move(type)}}).status;
    };
    CHECK(post("application/json") == 200);
    CHECK(post("Application/JSON ; charset=UTF-8") == 200);
    CHECK(post("application/hal+json") == 200);
    CHECK(post("application/vnd.shop+json;v=1") == 200);
    CHECK(post("") == 200);
    CHECK(ask(Method::post, "/books").status == 200);
}

TEST_CASE("PATCH takes a merge patch or JSON, but no JSON Patch") {
    const auto patch = [](std::string type) {
        return ask(Method::patch, "/books/1", {{"Content-Type", std::move(type)}});
    };
    CHECK(patch("application/merge-patch+json").status == 200);
    CHECK(patch("application/json").status == 200);
    CHECK(patch("application/json-patch+json").status == 415);
    CHECK(
        patch("application/json-patch+json").header("Accept-Patch") ==
        "application/merge-patch+json, application/json"
    );
}

TEST_CASE("a path whose POST needs no body ignores its Content-Type") {
    CHECK(
        ask(Method::post, "/orders/1/verification", {{"Content-Type", "text/plain"}}).status == 200
    );
}

TEST_CASE("the refusal by header alone is the one that dispatch gives") {
    const Router router = shop();
    Request missing = request_for(Method::post, "/nothing");
    Request form = request_for(Method::post, "/books", {{"Content-Type", "text/plain"}});
    Request fine = request_for(Method::post, "/books");
    const auto status_of = [&](Request& request) {
        const auto problem = router.header_problem(request);
        return problem ? problem->status : 0;
    };
    CHECK(status_of(missing) == 404);
    CHECK(status_of(form) == 415);
    CHECK(status_of(fine) == 0);
}

// A route that does not say whom it is for does not compile.
static_assert(!std::is_default_constructible_v<Audience>);
static_assert(!std::is_default_constructible_v<Route>);

TEST_CASE("at the customers' door what is for operators is not there, nor any trace of it") {
    const auto at = [](std::string pattern, Audience audience, Method method = Method::get) {
        return route(
            method, std::move(pattern), Produces::nothing, Consumes::nothing, true, audience
        );
    };
    std::vector<Route> routes;
    routes.push_back(at("/modules", Audience::operators));
    routes.push_back(at("/books/{id}", Audience::everybody));
    routes.push_back(at("/books/{id}", Audience::operators, Method::del));
    routes.push_back(at("/books/lost", Audience::operators));
    routes.push_back(at("/isReady", Audience::probes));
    const Router router(std::move(routes));
    const auto ask = [&router](Door door, Method method, std::string path) {
        Request request;
        request.door = door;
        request.method = method;
        request.path = std::move(path);
        std::string seen;
        router.dispatch(request, [&seen](Answer answer) {
            if (const auto* problem = std::get_if<Problem>(&answer)) {
                seen = std::to_string(problem->status);
                for (const Header& header : problem->headers) {
                    seen += " " + header.value;
                }
                return;
            }
            const auto& response = std::get<Response>(answer);
            seen = response.body;
            for (const Header& header : response.headers) {
                seen += header.value;
            }
        });
        return seen + " #" + std::to_string(request.route);
    };
    for (const Door door : {Door::only, Door::operators}) {
        CHECK(ask(door, Method::get, "/modules") == "GET /modules #1");
        CHECK(ask(door, Method::del, "/books/1") == "DELETE /books/{id}<1> #3");
        CHECK(ask(door, Method::get, "/books/lost") == "GET /books/lost #4");
        CHECK(ask(door, Method::get, "/isReady") == "GET /isReady #5");
        CHECK(ask(door, Method::options, "/books/1") == "GET, HEAD, DELETE, OPTIONS #0");
    }
    const Door door = Door::customers;
    CHECK(ask(door, Method::get, "/modules") == "404 #0");
    CHECK(ask(door, Method::options, "/modules") == "404 #0");
    CHECK(ask(door, Method::post, "/modules") == "404 #0");
    CHECK(ask(door, Method::del, "/books/1") == "405 GET, HEAD, OPTIONS #0");
    CHECK(ask(door, Method::options, "/books/1") == "GET, HEAD, OPTIONS #0");
    CHECK(ask(door, Method::get, "/books/lost") == "GET /books/{id}<lost> #2");
    CHECK(ask(door, Method::get, "/isReady") == "GET /isReady #5");
}

namespace {

/// Knows who has the field "Authorization: NAME", of three.
class Names final : public Authentication {
  public:
    std::expected<std::shared_ptr<const Identity>, Problem> identify(const Request& request
    ) const override {
        ++asked;
        const auto name = request.header("Authorization");
        if (!name) {
            return std::unexpected(unauthorized("who?"));
        }
        if (*name == "kim") {
            return identity({"kim", Role::customer, 7});
        }
        if (*name == "lee") {
            return identity({"lee", Role::customer | Role::courier, 8});
        }
        if (*name == "nobody") {
            return identity({"nobody", Role::customer, 0});
        }
        return std::unexpected(unauthorized("no", "invalid_token", "it is none"));
    }

    mutable int asked = 0;

  private:
    static std::shared_ptr<const Identity> identity(Identity who) {
        return std::make_shared<const Identity>(std::move(who));
    }
};

/// "STATUS customer CUSTOMER", and who it is when that is known.
std::string seen_by(
    const Router& router, Method method, std::string_view path, std::string_view name
) {
    Request request = request_for(method, path);
    if (!name.empty()) {
        request.headers.push_back({"Authorization", std::string(name)});
    }
    int status = 0;
    const auto problem = router.header_problem(request);
    router.dispatch(request, [&status](const Answer& answer) {
        const auto* refusal = std::get_if<Problem>(&answer);
        status = refusal != nullptr ? refusal->status : std::get<Response>(answer).status;
    });
    CHECK((problem ? problem->status : status) == status);
    return fmt::format(
        "{}{}{}",
        status,
        request.identity ? " " + request.identity->subject : "",
        request.customer > 0 ? fmt::format(" sees {}", request.customer) : ""
    );
}

}  // namespace

TEST_CASE("with an authentication who asks needs a role, after 404 and 405 and before all else") {
    const auto at = [](std::string pattern, Audience audience, Method method = Method::get) {
        return route(method, std::move(pattern), Produces::json, Consumes::json, true, audience);
    };
    std::vector<Route> routes;
    routes.push_back(at("/books", Audience::everybody));
    routes.push_back(at("/orders", Role::customer | Role::customer_operator));
    routes.push_back(at("/deliveries", Role::customer | Role::courier));
    routes.push_back(at("/deliveries", Role::courier, Method::put));
    routes.push_back(at("/modules", Audience::operators));
    routes.push_back(at("/console", Audience::operators_pages));
    routes.push_back(at("/isReady", Audience::probes));
    Router router(std::move(routes));
    CHECK(seen_by(router, Method::get, "/modules", "") == "200");
    const Names names;
    router.authenticate_by(names);
    for (const std::string_view name : {"", "kim", "lee", "eve"}) {
        CAPTURE(name);
        CHECK(seen_by(router, Method::get, "/books", name) == "200");
        CHECK(seen_by(router, Method::get, "/console", name) == "200");
        CHECK(seen_by(router, Method::get, "/nothing", name) == "404");
        CHECK(seen_by(router, Method::del, "/modules", name) == "405");
        CHECK(seen_by(router, Method::options, "/modules", name) == "204");
    }
    CHECK(names.asked == 0);
    CHECK(seen_by(router, Method::get, "/orders", "") == "401");
    CHECK(seen_by(router, Method::get, "/orders", "eve") == "401");
    CHECK(seen_by(router, Method::get, "/orders", "kim") == "200 kim sees 7");
    CHECK(seen_by(router, Method::get, "/orders", "lee") == "200 lee sees 8");
    CHECK(seen_by(router, Method::get, "/orders", "nobody") == "403 nobody");
    CHECK(seen_by(router, Method::get, "/deliveries", "kim") == "200 kim sees 7");
    CHECK(seen_by(router, Method::get, "/deliveries", "lee") == "200 lee");
    CHECK(seen_by(router, Method::put, "/deliveries", "kim") == "403 kim");
    CHECK(seen_by(router, Method::put, "/deliveries", "lee") == "200 lee");
    CHECK(seen_by(router, Method::get, "/modules", "lee") == "403 lee");
    CHECK(seen_by(router, Method::head, "/modules", "") == "401");
    CHECK(seen_by(router, Method::get, "/isReady", "") == "200");
    CHECK(seen_by(router, Method::get, "/isReady", "eve") == "200");
    CHECK(seen_by(router, Method::get, "/isReady", "kim") == "200 kim");
    // It is judged before what else the header says.
    Request form = request_for(Method::put, "/deliveries", {{"Content-Type", "text/plain"}});
    CHECK(router.header_problem(form)->status == 401);
}

TEST_CASE("a request for roles says so to caches, whatever its answer is") {
    std::vector<Route> routes;
    routes.push_back(route(Method::get, "/books"));
    routes.push_back(
        route(Method::get, "/orders", Produces::nothing, Consumes::nothing, true, Role::customer)
    );
    Router router(std::move(routes));
    const auto headers_of = [&router](std::string_view path, std::vector<Header> own) {
        Request request = request_for(Method::get, path);
        static_cast<void>(router.header_problem(request));
        Response response;
        response.headers = std::move(own);
        router.decorate(request, response);
        std::string text;
        for (const Header& header : response.headers) {
            text += header.name + ": " + header.value + "\n";
        }
        return text;
    };
    CHECK(headers_of("/orders", {}).empty());
    const Names names;
    router.authenticate_by(names);
    CHECK(headers_of("/books", {}).empty());
    CHECK(headers_of("/nothing", {}).empty());
    CHECK(headers_of("/orders", {}) == "Cache-Control: private\nVary: Authorization\n");
    CHECK(
        headers_of("/orders", {{"Vary", "Accept"}, {"Cache-Control", "no-cache"}}) ==
        "Vary: Accept, Authorization\nCache-Control: no-cache\n"
    );
}

TEST_CASE("a role that is missing is named, in the body and in the challenge") {
    const Problem problem = lacks_role(
        Role::customer | Role::operators, {"lee", Role::courier | Role::book_manager, 0}
    );
    CHECK(problem.status == 403);
    CHECK(
        problem.message ==
        "This needs the role customer or operator; the token has book-manager and courier."
    );
    CHECK(
        problem.headers.at(0).value ==
        "Bearer realm=\"bookstore\", error=\"insufficient_scope\", scope=\"customer operator\""
    );
    CHECK(unauthorized("who?").headers.at(0).value == "Bearer realm=\"bookstore\"");
}

TEST_CASE("a route table with a mistake is refused") {
    const auto build = [](std::vector<Route> routes) { return Router(std::move(routes)); };
    CHECK_THROWS_AS(build({route(Method::get, "books")}), std::invalid_argument);
    CHECK_THROWS_AS(build({route(Method::get, "/books//x")}), std::invalid_argument);
    CHECK_THROWS_AS(
        build({route(Method::get, "/books/{id}"), route(Method::get, "/books/{name}")}),
        std::invalid_argument
    );
    CHECK_THROWS_AS(
        build({route(Method::get, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}")}), std::invalid_argument
    );
}

TEST_CASE("a target's query is decoded, in order") {
    const auto target = parse_target("/books?page=1&sort=bookName%2Cdesc&q=a+b%2B&flag&=x&&page=2");
    REQUIRE(target.has_value());
    const std::vector<std::pair<std::string, std::string>> expected{
        {"page", "1"},
        {"sort", "bookName,desc"},
        {"q", "a b+"},
        {"flag", ""},
        {"", "x"},
        {"page", "2"}
    };
    CHECK(target->query == expected);
    CHECK(target->path == "/books");
}

TEST_CASE("a question mark with nothing behind it is an empty query") {
    CHECK(parse_target("/books?")->query.empty());
    CHECK(parse_target("/?")->path == "/");
}

TEST_CASE("the absolute form names host and path") {
    const auto target = parse_target("HTTP://shop.example:8080/books/1?page=2");
    REQUIRE(target.has_value());
    CHECK(target->host == "shop.example:8080");
    CHECK(target->scheme == "http");
    CHECK(target->path == "/books/1");
    CHECK(target->query.size() == 1);
    CHECK(parse_target("http://shop")->path == "/");
    CHECK(parse_target("http://shop?x=1")->path == "/");
    CHECK(parse_target("http://[::1]:80/books")->host == "[::1]:80");
}

TEST_CASE("a malformed target is refused") {
    for (const std::string_view bad :
         {"",
          "books",
          "/%",
          "/%4",
          "/%zz",
          "/%00",
          "/books?a=%",
          "/books?a=%0",
          "/books?%00",
          "/a#b",
          "/a b",
          "/a\tb",
          "ftp://x/",
          "http://",
          "http:///x",
          "http://user@host/",
          "http://ho st/",
          "example.com:443",
          "**"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_target(bad).has_value());
    }
}

TEST_CASE("any bytes may be given to the target parser") {
    std::uint64_t seed = 42;
    const std::string_view alphabet = "/%?&=+#*:[]h0aF\x80\x01 ";
    for (int round = 0; round < 20'000; ++round) {
        std::string text(seed % 3 == 0 ? "http://h" : "/");
        for (std::uint64_t i = 0; i < 12; ++i) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            text += alphabet[(seed >> 33) % alphabet.size()];
        }
        const auto target = parse_target(text);
        if (!target) {
            continue;
        }
        CHECK_FALSE(target->path.empty());
        for (const auto slash : target->literal_slashes) {
            CHECK(target->path.at(slash) == '/');
        }
        CHECK(target->path.find('\0') == std::string::npos);
    }
}

TEST_CASE("headers and parameters are found by name, the first one counts") {
    Request request =
        request_for(Method::get, "/x?a=1&a=2&empty=", {{"Accept", "x"}, {"ACCEPT", "y"}});
    CHECK(request.header("accept") == "x");
    CHECK_FALSE(request.header("accep").has_value());
    CHECK(request.parameter("a") == "1");
    CHECK(request.parameter("empty") == "");
    CHECK_FALSE(request.parameter("A").has_value());
    request.host = "shop:8080";
    CHECK(request.origin() == "http://shop:8080");
}

TEST_CASE("a problem is rendered as the contract's error body") {
    const Problem problem{400, "not so", {}, {{"Retry-After", "1"}}};
    const Response response = render_problem(problem, "/orders", 1'599'714'464'652);
    CHECK(response.status == 400);
    CHECK(response.content_type == "application/json;charset=UTF-8");
    CHECK(response.headers.at(0).value == "1");
    CHECK(
        response.body ==
        R"({"timestamp":"2020-09-10T05:07:44.652+0000","status":400,"error":"Bad Request",)"
        R"("message":"not so","path":"/orders"})"
    );
}

TEST_CASE("RFC 9457's form has the same facts, its instance a URI again") {
    const Problem problem{400, "2 fields", {{"quantity", "must be at least 1", "0"}}, {}};
    const Response response =
        render_problem(problem, "/a b/\xC3\xA4", 0, ProblemForm::problem_json);
    CHECK(response.content_type == "application/problem+json");
    CHECK(
        response.body ==
        R"({"type":"about:blank","title":"Bad Request","status":400,"detail":"2 fields",)"
        R"("instance":"/a%20b/%C3%A4","errors":[{"field":"quantity",)"
        R"("message":"must be at least 1","rejectedValue":"0"}]})"
    );
}

TEST_CASE("a problem lists every invalid field") {
    const Problem problem{
        400,
        "2 fields",
        {{"quantity", "must be at least 1", "0"}, {"bookId", "is missing", std::nullopt}},
        {}
    };
    const auto body = render_problem(problem, "/orders", 0).body;
    CHECK(body.ends_with(
        R"("errors":[{"field":"quantity","message":"must be at least 1","rejectedValue":"0"},)"
        R"({"field":"bookId","message":"is missing","rejectedValue":null}]})"
    ));
}

TEST_CASE("a rejected value is cut at 100 characters, not bytes") {
    std::string value;
    for (int i = 0; i < 150; ++i) {
        value += "\xC3\xA4";
    }
    const auto body = render_problem({400, "", {{"f", "m", value}}, {}}, "/", 0).body;
    CHECK(body.find("\"rejectedValue\":\"" + value.substr(0, 200) + "\"}") != std::string::npos);
}

TEST_CASE("the host is checked, since links are made of it") {
    for (const std::string_view good :
         {"a", "localhost:8080", "shop.example", "127.0.0.1:80", "[::1]", "[fe80::1]:8080", "a:"}) {
        CAPTURE(good);
        CHECK(is_valid_host(good));
    }
    CHECK(is_valid_host(std::string(255, 'a') + ":65535"));
    CHECK_FALSE(is_valid_host(std::string(262, 'a')));
    for (const std::string_view bad :
         {"",
          ":80",
          "a b",
          "a/b",
          "a\"b",
          "a:80x",
          "a:b:c",
          "[::1",
          "[]",
          "[::1]x",
          "u@h",
          "a:65536",
          "a:123456"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_valid_host(bad));
    }
}

TEST_CASE("trace contexts and request ids are taken only when they are sane") {
    const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    CHECK(is_traceparent(good));
    CHECK(is_traceparent("01" + good.substr(2)));
    CHECK(is_traceparent("cc" + good.substr(2) + "-what-comes-later"));
    CHECK_FALSE(is_traceparent("cc" + good.substr(2) + ".what-comes-later"));
    CHECK_FALSE(is_traceparent("ff" + good.substr(2)));
    CHECK_FALSE(is_traceparent("0" + good));
    CHECK_FALSE(is_traceparent(good.substr(0, 54)));
    CHECK_FALSE(is_traceparent(good + "-x"));
    CHECK_FALSE(is_traceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
    CHECK_FALSE(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
    CHECK_FALSE(is_traceparent("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    CHECK(is_sane_request_id("a.b_C-9"));
    CHECK(is_sane_request_id(std::string(64, 'x')));
    CHECK_FALSE(is_sane_request_id(std::string(65, 'x')));
    CHECK_FALSE(is_sane_request_id(""));
    CHECK_FALSE(is_sane_request_id("a b"));
}

TEST_CASE("no field of an answer can make another one") {
    Response response;
    response.content_type = "text/plain";
    response.headers = {{"Location", "/x\r\nSet-Cookie: a=b"}};
    HeadOptions options;
    options.date = "today";
    options.content_length = 0;
    std::string head;
    append_head(head, response, options);
    CHECK(
        head ==
        "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
        "Location: /x  Set-Cookie: a=b\r\n\r\n"
    );
}

TEST_CASE("the date is in the format of RFC 9110") {
    DateClock clock;
    const std::string date(clock.now());
    CHECK(date.size() == 29);
    CHECK(date.ends_with(" GMT"));
    CHECK(date[3] == ',');
}

namespace {

struct Decoded {
    ChunkDecoder::State state;
    std::string body;
    std::string left;
};

Decoded decode(
    std::string_view wire, std::size_t step, std::size_t max_body = 100, std::size_t extra = 50
) {
    ChunkDecoder decoder(max_body, extra);
    Decoded result{ChunkDecoder::State::more, {}, {}};
    while (!wire.empty() && result.state == ChunkDecoder::State::more) {
        std::string_view piece = wire.substr(0, step);
        wire.remove_prefix(piece.size());
        result.state = decoder.put(piece, result.body);
        result.left = std::string(piece) + std::string(wire);
    }
    return result;
}

}  // namespace

TEST_CASE("chunks are put together, however they come") {
    const std::string_view wire =
        "5\r\nhello\r\n0006 ; a=\"b\"\r\n world\r\n0\r\nTrailer: x\r\nContent-Length: 7\r\n\r\nGET "
        "/";
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, wire.size()}) {
        CAPTURE(step);
        const auto decoded = decode(wire, step);
        CHECK(decoded.state == ChunkDecoder::State::done);
        CHECK(decoded.body == "hello world");
        CHECK(decoded.left == "GET /");
    }
    CHECK(decode("0\r\n\r\n", 1).state == ChunkDecoder::State::done);
}

TEST_CASE("malformed chunks are refused") {
    for (const std::string_view wire :
         {"\r\n",
          "x\r\n",
          "-1\r\n",
          "+1\r\n",
          "0x1\r\n",
          " 1\r\n",
          "1 \r\n",
          "1\n",
          "1\ra",
          "1\r\nab",
          "1\r\na\n",
          "1\r\na\rb",
          "1;a\nb\r\n",
          "1;a\x01\r\n",
          "00000000000000001\r\n",
          "0\r\nnocolon\r\n",
          "0\r\n folded: x\r\n",
          "0\r\n: x\r\n",
          "0\r\na: b\n",
          "0\r\n\rx"}) {
        CAPTURE(wire);
        for (const std::size_t step : {std::size_t{1}, wire.size()}) {
            CHECK(decode(wire, step).state == ChunkDecoder::State::malformed);
        }
    }
}

TEST_CASE("chunks are bounded: data, extensions and trailers") {
    CHECK(decode("65\r\n", 1).state == ChunkDecoder::State::body_too_large);
    CHECK(decode("ffffffffffffffff\r\n", 1).state == ChunkDecoder::State::body_too_large);
    const std::string full = "64\r\n" + std::string(100, 'x') + "\r\n";
    CHECK(decode(full + "0\r\n\r\n", 7).state == ChunkDecoder::State::done);
    CHECK(decode(full + "1\r\n", 7).state == ChunkDecoder::State::body_too_large);
    const std::string extension = "1;" + std::string(60, 'e');
    CHECK(decode(extension, 7).state == ChunkDecoder::State::extras_too_large);
    const std::string trailer = "0\r\na:" + std::string(60, 't');
    CHECK(decode(trailer, 7).state == ChunkDecoder::State::extras_too_large);
}

TEST_CASE("any bytes may be given to the request parser, in any pieces") {
    std::uint64_t seed = 7;
    const auto random = [&](std::uint64_t bound) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        return (seed >> 33) % bound;
    };
    const std::vector<std::string> parts{
        "GET ",
        "/ ",
        "/a?b ",
        "HTTP/1.1\r\n",
        "HTTP/1.0\r\n",
        "HTTP/2.0\r\n",
        "Host: a\r\n",
        "\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "X:\r\n y\r\n",
        ":",
        "\n",
        "\r",
        " ",
        "Expect: 100-continue\r\n",
        "Connection: close, x\r\n",
        "\x16\x03",
        "Content-Length: 3, 3\r\n"
    };
    for (int round = 0; round < 20'000; ++round) {
        std::string wire = random(2) == 0 ? "GET / HTTP/1.1\r\n" : "";
        for (std::uint64_t i = random(10); i-- > 0;) {
            wire += parts[random(parts.size())];
        }
        Request request;
        RequestParser parser(request, {256, 64});
        std::string pending;
        auto state = RequestParser::State::more;
        for (std::size_t at = 0; at < wire.size() && state == RequestParser::State::more;) {
            const std::size_t step = 1 + random(9);
            pending += wire.substr(at, step);
            at += step;
            std::string_view rest = pending;
            state = parser.put(rest);
            pending = std::string(rest);
        }
        if (state == RequestParser::State::failed) {
            CHECK(parser.problem().status >= 400);
        }
        if (state == RequestParser::State::done) {
            CHECK_FALSE(request.path.empty());
        }
    }
}
