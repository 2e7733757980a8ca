#include <fmt/format.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "app/signals.hpp"
#include "auth/key_source.hpp"
#include "auth/token.hpp"
#include "base/clock.hpp"
#include "http/token_file.hpp"
#include "tools/auth_flags.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

using boost::json::object;
using http::Method;

struct Options {
    ServerPlace server;
    AuthFlags auth;            ///< with a secret: each player has a token of his own
    double rate = 2;           ///< actions a second
    std::int64_t actions = 0;  ///< then it ends; 0: it goes on until a signal comes
};

constexpr std::array<std::string_view, 8> customer_names{
    "홍길동", "김민지", "이서준", "박하은", "Ada", "Grace", "Barbara", "Edsger"
};
constexpr std::array<std::string_view, 8> titles{
    "Domain-Driven Design",
    "Designing Data-Intensive Applications",
    "클린 코드",
    "토지",
    "Refactoring",
    "The C++ Programming Language",
    "객체지향의 사실과 오해",
    "A Tour of C++"
};
constexpr std::array<std::string_view, 5> addresses{
    "busan si", "seoul si", "대전시 유성구", "제주시", "incheon si"
};
constexpr std::int64_t low_stock = 5;
constexpr std::int64_t delivery_pages_back = 3;  ///< how far a courier looks for work
constexpr std::chrono::milliseconds most_pause{5000};

struct Ended {};  ///< thrown when a signal came in the middle of an action

/// Makes the players' tokens, where the shop has doors and they have its secret.
class Badges {
  public:
    explicit Badges(const AuthFlags& flags)
        : secret_(auth::read_secret(flags.secret_file)), policy_(read_policy(flags)) {}

    /// Of who does such things; `customer` is the one that he is when he orders or cancels.
    http::Header badge(Method method, std::string_view target, std::int64_t customer) const {
        auth::NewToken token{.subject = "demo"};
        if (target.starts_with("/orders") && method != Method::get) {
            token.roles = http::Role::customer;
            token.customer = customer;
        } else if (target.starts_with("/deliveries")) {
            token.roles = http::Role::courier;
        } else if (target.starts_with("/customers") || target.starts_with("/orders")) {
            token.roles = http::Role::customer_operator;
        } else {
            token.roles = http::Role::book_manager;
        }
        constexpr std::int64_t good_for_s = 60;
        token.issued_s = SystemClock().now_ms() / 1000;
        token.expires_s = token.issued_s + good_for_s;
        return http::bearer(auth::make_token(token, secret_, policy_));
    }

  private:
    auth::Key secret_;
    auth::Policy policy_;
};

/// The shop as its users reach it.
class Shop {
  public:
    Shop(const ServerClient& client, const app::Signals& signals, std::optional<Badges> badges)
        : client_(client), signals_(signals), badges_(std::move(badges)) {}

    /// The answer; the request is repeated until there is one that says something about it.
    http::ClientResponse send(
        Method method, const std::string& target, const object& body = {}, std::int64_t customer = 0
    ) {
        ServerRequest request{.method = method, .target = target};
        if (badges_) {
            request.headers.push_back(badges_->badge(method, target, customer));
        }
        if (!body.empty()) {
            request.body = boost::json::serialize(body);
        }
        if (method == Method::post) {
            request.headers.push_back({"Idempotency-Key", random_.uuid()});
        }
        std::chrono::milliseconds pause{200};
        for (;;) {
            std::string why;
            try {
                auto answer = client_.send(request);
                if (answer.status == 401 || answer.status == 403) {
                    throw client_.failure(answer.status, answer.body);
                }
                if (answer.status < 500) {
                    return answer;
                }
                why = fmt::format("{} {}", answer.status, answer.body);
            } catch (const std::system_error& error) {
                why = error.what();
            }
            fmt::print(
                "... {} {}: {}; again in {} ms\n", name_of(method), target, why, pause.count()
            );
            std::fflush(stdout);
            if (signals_.wait(pause)) {
                throw Ended{};
            }
            pause = std::min(2 * pause, most_pause);
        }
    }

    object get(const std::string& target) {
        const auto answer = send(Method::get, target);
        boost::json::error_code error;
        auto value = boost::json::parse(answer.body, error);
        return answer.status == 200 && value.is_object() ? std::move(value.get_object()) : object{};
    }

    std::int64_t total(const std::string& collection) {
        const object page = get("/" + collection + "?size=1");
        return page.empty() ? 0 : page.at("page").at("totalElements").to_number<std::int64_t>();
    }

  private:
    const ServerClient& client_;
    const app::Signals& signals_;
    const std::optional<Badges> badges_;
    SystemRandom random_;
};

std::string id_in(std::string_view href) {
    return std::string(href.substr(href.rfind('/') + 1));
}

std::string id_of(const object& item) {
    return id_in(item.at("_links").at("self").at("href").as_string());
}

std::string text_of(const object& item, std::string_view field) {
    const auto& value = item.at(field);
    return value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
}

/// Who does what. Each action is what a person would do by what the API shows them.
class Players {
  public:
    explicit Players(Shop& shop) : shop_(shop) {}

    void act() {
        if (shop_.total("customers") < static_cast<std::int64_t>(customer_names.size()) &&
            one_in(3)) {
            return register_customer();
        }
        if (shop_.total("books") < static_cast<std::int64_t>(titles.size()) && one_in(3)) {
            return register_book();
        }
        const auto dice = below(100);
        if (dice < 45) {
            place_order();
        } else if (dice < 50) {
            cancel_order();
        } else if (dice < 70) {
            put_in_stock();
        } else {
            move_delivery();
        }
    }

  private:
    std::int64_t below(std::int64_t bound) {
        return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random_);
    }
    bool one_in(std::int64_t n) { return below(n) == 0; }
    template <std::size_t N>
    std::string_view one_of(const std::array<std::string_view, N>& list) {
        return list[static_cast<std::size_t>(below(static_cast<std::int64_t>(N)))];
    }

    static void say(const std::string& who, const std::string& what) {
        fmt::print("{:<13} {}\n", who, what);
        std::fflush(stdout);
    }

    /// Any item of a collection.
    std::optional<object> any(const std::string& collection) {
        const std::int64_t total = shop_.total(collection);
        return total == 0 ? std::nullopt
                          : item_of(collection, fmt::format("page={}&size=1", below(total)));
    }
    std::optional<object> item_of(const std::string& collection, const std::string& query) {
        const object page = shop_.get(fmt::format("/{}?{}", collection, query));
        if (page.empty() || page.at("_embedded").at(collection).as_array().empty()) {
            return std::nullopt;
        }
        return page.at("_embedded").at(collection).as_array().front().as_object();
    }

    void register_customer() {
        const std::string name(one_of(customer_names));
        const auto answer = shop_.send(Method::post, "/customers", {{"customerName", name}});
        say("customer", fmt::format("{} registers: {}", name, answer.status));
    }

    void register_book() {
        const std::string title(one_of(titles));
        const std::int64_t stock = 5 + below(20);
        const auto answer =
            shop_.send(Method::post, "/books", {{"bookName", title}, {"stock", stock}});
        say("book manager",
            fmt::format("adds \"{}\", {} in stock: {}", title, stock, answer.status));
    }

    void place_order() {
        const auto customer = any("customers");
        const auto book = any("books");
        if (!customer || !book) {
            return customer ? register_book() : register_customer();
        }
        const std::int64_t quantity = 1 + below(4);
        const std::string customer_id = id_of(*customer);
        const auto answer = shop_.send(
            Method::post,
            "/orders",
            {{"bookId", id_of(*book)},
             {"customerId", customer_id},
             {"quantity", quantity},
             {"deliveryAddress", std::string(one_of(addresses))},
             {"payAmount", fmt::format("{}.{}", quantity * (9 + below(30)), below(2) * 5)},
             {"payType", "ONCE"}},
            std::stoll(customer_id)
        );
        say("customer",
            fmt::format(
                "{} orders {} x \"{}\": {} {}",
                text_of(*customer, "customerName"),
                quantity,
                text_of(*book, "bookName"),
                answer.status,
                status_in(answer.body, "orderStatus")
            ));
    }

    static std::string status_in(const std::string& body, std::string_view field) {
        boost::json::error_code error;
        const auto value = boost::json::parse(body, error);
        const bool shown = !error && value.is_object() && value.get_object().contains(field);
        return shown ? text_of(value.get_object(), field) : "";
    }

    /// One of the newest orders, if it still shows how.
    void cancel_order() {
        const auto order =
            item_of("orders", fmt::format("page={}&size=1&sort=orderId,desc", below(5)));
        if (!order || !order->at("_links").as_object().contains("cancel")) {
            return place_order();
        }
        const auto customer = order->at("customerId").to_number<std::int64_t>();
        const auto answer = shop_.send(Method::del, "/orders/" + id_of(*order), {}, customer);
        say("customer", fmt::format("cancels order {}: {}", id_of(*order), answer.status));
    }

    /// For the book that has least.
    void put_in_stock() {
        const auto book = item_of("books", "size=1&sort=stock");
        if (!book || book->at("stock").to_number<std::int64_t>() > low_stock) {
            return place_order();
        }
        const std::int64_t quantity = 10 + below(20);
        const auto answer = shop_.send(
            Method::post,
            "/stockInputs",
            {{"bookId", id_of(*book)}, {"quantity", quantity}, {"inCharger", "demo"}}
        );
        say("book manager",
            fmt::format(
                "puts in {} x \"{}\": {}", quantity, text_of(*book, "bookName"), answer.status
            ));
    }

    /// One of the newest deliveries that are on their way.
    void move_delivery() {
        const object page = shop_.get(
            fmt::format("/deliveries?page={}&size=20&sort=id,desc", below(delivery_pages_back))
        );
        if (page.empty()) {
            return;
        }
        for (const auto& value : page.at("_embedded").at("deliveries").as_array()) {
            const object& delivery = value.as_object();
            const std::string status = text_of(delivery, "deliveryStatus");
            if ((status != "Shipped" && status != "InTransit") || one_in(2)) {
                continue;
            }
            const std::string next = status == "Shipped" ? "InTransit"
                                     : one_in(20)        ? "Returned"
                                                         : "Delivered";
            const auto answer = shop_.send(
                Method::patch, "/deliveries/" + id_of(delivery), {{"deliveryStatus", next}}
            );
            say("courier",
                fmt::format(
                    "delivery {} of order {}: {} {}",
                    id_of(delivery),
                    text_of(delivery, "orderId"),
                    answer.status,
                    status_in(answer.body, "deliveryStatus")
                ));
            return;
        }
        place_order();
    }

    Shop& shop_;
    std::mt19937_64 random_{std::random_device{}()};
};

/// Plays customers, a book manager and a courier through the public API, so that something is
/// always happening; prints a line an action. It waits for a server that is not there (yet), and
/// repeats what got no answer with the same Idempotency-Key.
int run(const Options& options) {
    using namespace std::chrono;
    const app::Signals signals;
    const ServerClient client(options.server);
    client.check_url();
    std::optional<Badges> badges;
    if (!options.auth.secret_file.empty()) {
        badges.emplace(options.auth);
    }
    Shop shop(client, signals, std::move(badges));
    Players players(shop);
    const auto interval = duration_cast<nanoseconds>(duration<double>(1 / options.rate));
    auto next = steady_clock::now();
    try {
        for (std::int64_t i = 0; options.actions == 0 || i < options.actions; ++i) {
            players.act();
            next = std::max(next + interval, steady_clock::now() - seconds(1));
            const auto wait = std::max<nanoseconds>(next - steady_clock::now(), nanoseconds(0));
            if (signals.wait(wait)) {
                break;
            }
        }
    } catch (const Ended&) {
        // as asked
    }
    return 0;
}

}  // namespace

Run declare_demo(CLI::App& app, const Program& /*program*/) {
    auto options = std::make_unique<Options>();
    add_server(app, options->server);
    add_token_flags(app, options->auth);
    add_setting(app, "--rate", options->rate, "Actions a second")->check(CLI::Range(0.01, 1000.0));
    add_setting(app, "--actions", options->actions, "Ends after so many; 0: goes on")
        ->check(CLI::NonNegativeNumber);
    return [options = std::move(options)] { return run(*options); };
}

}  // namespace bookstore::tools
