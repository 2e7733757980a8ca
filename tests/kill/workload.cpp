#include "workload.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <thread>

namespace bookstore::test {
namespace {

using http::ClientResponse;
using http::Method;

constexpr int most_books = 8;
constexpr int most_customers = 12;

std::int64_t id_in_location(const ClientResponse& response) {
    for (const http::Header& header : response.headers) {
        if (header.name == "Location") {
            return std::stoll(header.value.substr(header.value.rfind('/') + 1));
        }
    }
    throw std::runtime_error("a 201 without Location");
}

std::string money(std::int64_t cents) {
    return fmt::format("{}.{:02}", cents / 100, cents % 100);
}

}  // namespace

class Workload::Client {
  public:
    Client(Workload& workload, std::string url, std::uint64_t seed)
        : workload_(workload), promises_(workload.promises_), url_(std::move(url)), random_(seed) {}

    void run(const std::atomic<bool>& over) {
        try {
            while (!over && (act_or_not() || workload_.way_ == Way::gateway)) {
            }
        } catch (const std::exception& error) {
            broken(error.what());
        }
    }

  private:
    /// false: the server was killed. What it had not answered may or may not have happened.
    bool act_or_not() {
        try {
            act();
            return true;
        } catch (const std::system_error&) {
            note([](Promises& p) { ++p.cut; });
            pause();
            return false;
        }
    }

    static void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

    std::int64_t below(std::int64_t bound) {
        return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random_);
    }
    bool one_in(std::int64_t n) { return below(n) == 0; }

    void broken(const std::string& what) {
        const std::scoped_lock lock(workload_.mutex_);
        promises_.broken.push_back(what);
    }

    /// Sends; whatever no client may ever be told is noted.
    ClientResponse send(
        Method method,
        const std::string& target,
        const std::string& body = {},
        std::vector<http::Header> headers = {}
    ) {
        if (!body.empty()) {
            headers.push_back({"Content-Type", "application/json"});
        }
        auto response =
            http::fetch(method, http::parse_url(url_ + target), body, std::move(headers));
        const int status = response.status;
        const bool refused =
            status == 503 || (status == 507 && workload_.disk_ == Disk::may_be_full);
        const bool lost = workload_.way_ == Way::gateway && (status == 502 || status == 504);
        const bool expected =
            status < 300 || status == 400 || status == 404 || status == 409 || refused || lost;
        if (!expected) {
            broken(fmt::format("{} {}: {} {}", name_of(method), target, status, response.body));
        }
        note([&](Promises& p) {
            ++p.answers;
            p.refused += refused;
            p.lost += lost;
        });
        if (lost) {
            pause();
        }
        return response;
    }

    template <class Note>
    void note(Note note) {
        const std::scoped_lock lock(workload_.mutex_);
        note(promises_);
    }

    /// One of the keys; nothing when there is none.
    template <class Map>
    std::optional<std::int64_t> any_of(const Map& map) {
        const std::scoped_lock lock(workload_.mutex_);
        if (map.empty()) {
            return std::nullopt;
        }
        return std::next(map.begin(), below(static_cast<std::int64_t>(map.size())))->first;
    }

    void act() {
        const std::int64_t dice = below(100);
        if (dice < 4) {
            add_book();
        } else if (dice < 9) {
            add_customer();
        } else if (dice < 47) {
            place_order();
        } else if (dice < 55) {
            repeat_keyed();
        } else if (dice < 67) {
            cancel_order();
        } else if (dice < 79) {
            put_in_stock();
        } else if (dice < 82) {
            correct_stock();
        } else if (dice < 92) {
            move_delivery();
        } else if (dice < 93) {
            delete_something();
        } else if (dice < 94) {
            send(Method::post, one_in(2) ? "/rebuilds/my-page" : "/rebuilds/payment-history");
        } else {
            read();
        }
    }

    void add_book() {
        {
            const std::scoped_lock lock(workload_.mutex_);
            if (promises_.books.size() >= most_books) {
                return;
            }
        }
        const std::int64_t stock = below(30);
        const auto answer =
            send(Method::post, "/books", fmt::format(R"({{"bookName":"책","stock":"{}"}})", stock));
        if (answer.status == 201) {
            note([&](Promises& p) { p.books[id_in_location(answer)] = stock; });
        }
    }

    void add_customer() {
        {
            const std::scoped_lock lock(workload_.mutex_);
            if (promises_.customers.size() >= most_customers) {
                return;
            }
        }
        const std::string name = fmt::format("customer {}", below(1'000'000));
        const auto answer =
            send(Method::post, "/customers", fmt::format(R"({{"customerName":"{}"}})", name));
        if (answer.status == 201) {
            note([&](Promises& p) { p.customers[id_in_location(answer)] = name; });
        }
    }

    /// Rarely 0, which hangs VAN and fails; sometimes no amount.
    std::optional<std::int64_t> pay_cents() {
        if (one_in(60)) {
            return 0;
        }
        return one_in(6) ? std::nullopt : std::optional(1 + below(10'000'000));
    }

    std::optional<Promises::Order> some_order() {
        const auto book = any_of(promises_.books);
        const auto customer = any_of(promises_.customers);
        if (!book || !customer) {
            return std::nullopt;
        }
        return Promises::Order{
            .book_id = *book,
            .customer_id = *customer,
            .quantity = 1 + below(one_in(10) ? 40 : 4),
            .address = fmt::format("busan si {}", below(1'000'000)),
            .pay_cents = pay_cents()
        };
    }

    ClientResponse post_order(const Promises::Order& order, std::vector<http::Header> headers) {
        std::string body = fmt::format(
            R"({{"bookId":"{}","customerId":{},"quantity":"{}","deliveryAddress":"{}")",
            order.book_id,
            order.customer_id,
            order.quantity,
            order.address
        );
        if (order.pay_cents) {
            body += fmt::format(R"(,"payAmount":"{}","payType":"ONCE")", money(*order.pay_cents));
        }
        return send(Method::post, "/orders", body + "}", std::move(headers));
    }

    void place_order() {
        auto order = some_order();
        if (!order) {
            return;
        }
        if (one_in(2)) {
            place_keyed(std::move(*order));
            return;
        }
        const auto answer = post_order(*order, {});
        if (answer.status == 201) {
            note([&](Promises& p) { p.orders[id_in_location(answer)] = *order; });
        }
    }

    /// Whatever becomes of the answer, the order is there once at most, and repeating tells.
    void place_keyed(Promises::Order order) {
        const std::string key = fmt::format("{:016x}{:016x}", random_(), random_());
        order.address = "key " + key;
        note([&](Promises& p) { p.keyed.push_back({key, order, std::nullopt}); });
        send_keyed({key, order, std::nullopt});
    }

    /// Sent again, with an answer or without one: it must be the same order.
    void repeat_keyed() {
        std::optional<Promises::Keyed> keyed;
        note([&](Promises& p) {
            if (!p.keyed.empty()) {
                keyed =
                    p.keyed[static_cast<std::size_t>(below(static_cast<std::int64_t>(p.keyed.size())
                    ))];
            }
        });
        if (keyed) {
            send_keyed(*keyed);
        }
    }

    void send_keyed(const Promises::Keyed& keyed) {
        const auto answer = post_order(keyed.order, {{"Idempotency-Key", keyed.key}});
        if (answer.status != 201) {
            return;
        }
        const std::int64_t id = id_in_location(answer);
        note([&](Promises& p) {
            p.orders[id] = keyed.order;
            for (Promises::Keyed& known : p.keyed) {
                if (known.key == keyed.key && known.id.value_or(id) != id) {
                    p.broken.push_back(fmt::format(
                        "the key {} was answered with order {}, then {}", known.key, *known.id, id
                    ));
                } else if (known.key == keyed.key) {
                    known.id = id;
                }
            }
        });
    }

    void cancel_order() {
        const auto order = any_of(promises_.orders);
        if (!order) {
            return;
        }
        const auto answer = send(Method::del, fmt::format("/orders/{}", *order));
        if (answer.status == 204) {
            note([&](Promises& p) {
                if (!p.canceled.insert(*order).second) {
                    p.broken.push_back(fmt::format("order {} was canceled twice", *order));
                }
            });
        }
    }

    void put_in_stock() {
        const auto book = any_of(promises_.books);
        if (!book) {
            return;
        }
        const std::int64_t quantity = 1 + below(12);
        const auto answer = send(
            Method::post,
            "/stockInputs",
            fmt::format(R"({{"bookId":{},"quantity":"{}"}})", *book, quantity)
        );
        if (answer.status == 201) {
            note([&](Promises& p) { p.stock_inputs[id_in_location(answer)] = {*book, quantity}; });
        }
    }

    void correct_stock() {
        const auto book = any_of(promises_.books);
        if (!book || *book % 3 != 0) {
            return;
        }
        note([&](Promises& p) { p.corrected_books.insert(*book); });
        send(
            Method::patch,
            fmt::format("/books/{}", *book),
            fmt::format(R"({{"stock":{}}})", below(30))
        );
    }

    void move_delivery() {
        static const std::vector<std::string> words{
            "Shipped", "InTransit", "Delivered", "Returned"
        };
        const auto order = any_of(promises_.orders);
        if (!order) {
            return;
        }
        const std::string& word = words[static_cast<std::size_t>(below(4))];
        const auto answer = send(
            one_in(2) ? Method::put : Method::patch,
            fmt::format("/deliveries/{}", *order),
            fmt::format(R"({{"deliveryStatus":"{}"}})", word)
        );
        if (answer.status == 200) {
            note([&](Promises& p) { p.moves.emplace(*order, word); });
        }
    }

    void delete_something() {
        const bool customers = one_in(2);
        const auto id = customers ? any_of(promises_.customers) : any_of(promises_.books);
        // The first ones stay, so that orders can always be placed.
        if (!id || *id == 1 || !one_in(3)) {
            return;
        }
        const auto answer =
            send(Method::del, fmt::format("/{}/{}", customers ? "customers" : "books", *id));
        if (answer.status == 204) {
            note([&](Promises& p) {
                (customers ? p.deleted_customers : p.deleted_books).insert(*id);
            });
        }
    }

    /// Whatever was promised can be read.
    void read() {
        const auto order = any_of(promises_.orders);
        if (!order) {
            return;
        }
        const auto answer = send(Method::get, fmt::format("/orders/{}", *order));
        if (answer.status == 404) {
            broken(fmt::format("order {} was promised and is not there", *order));
        }
        send(Method::get, "/myPages?size=5&sort=id,desc");
    }

    Workload& workload_;
    Promises& promises_;
    std::string url_;
    std::mt19937_64 random_;
};

std::int64_t Workload::refused() const {
    const std::scoped_lock lock(mutex_);
    return promises_.refused;
}

void Workload::broke(const std::string& what) {
    const std::scoped_lock lock(mutex_);
    promises_.broken.push_back(what);
}

void Workload::run(
    const std::string& url, std::uint64_t seed, unsigned clients, const std::atomic<bool>& over
) {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < clients; ++i) {
        threads.emplace_back([this, &url, &over, seed = seed * 1000 + i] {
            Client(*this, url, seed).run(over);
        });
    }
}

}  // namespace bookstore::test
