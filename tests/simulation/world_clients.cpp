#include <fmt/format.h>

#include "simulation/world.hpp"
#include "support/requests.hpp"

// What clients do, and what they remember of it.

namespace bookstore::test {

void World::send(
    http::Method method,
    const std::string& target,
    const std::string& body,
    std::function<void(const http::Response&)> acknowledged
) {
    note(fmt::format("{} {} {}", http::name_of(method), target, body));
    std::erase_if(requests_, [](const auto& request) { return request->answered; });
    requests_.push_back(std::make_unique<Request>());
    Request& sent = *requests_.back();
    sent.request = request_of(method, target, body);
    router_->dispatch(sent.request, [this, &sent, target, acknowledged](http::Answer answer) {
        sent.answered = true;
        const auto* response = std::get_if<http::Response>(&answer);
        const int status = status_of(answer);
        note(fmt::format("  {} answers {}", target, status));
        if (status >= 500 && status != 503 && status != 507) {
            breaks(fmt::format("{} answers {}", target, status));
        }
        if (response != nullptr && status < 300 && acknowledged) {
            acknowledged(*response);
        }
    });
}

void World::place_order() {
    const std::string body = order_body(random_);
    send(http::Method::post, "/orders", body, [this](const http::Response& response) {
        ++tally_.orders;
        if (const std::string fault = promises_.acknowledge(response); !fault.empty()) {
            breaks(fault);
        }
    });
}

void World::cancel_order() {
    const std::int64_t id = some_order();
    send(http::Method::del, fmt::format("/orders/{}", id), {}, [this, id](const http::Response&) {
        ++tally_.cancels;
        promises_.canceled.insert(id);
    });
}

void World::move_delivery() {
    static constexpr const char* words[] = {"Shipped", "InTransit", "Delivered", "Returned"};
    send(
        http::Method::patch,
        fmt::format("/deliveries/{}", some_order()),
        fmt::format(R"({{"deliveryStatus":"{}"}})", words[random_.below(4)]),
        {}
    );
}

void World::change_book() {
    const std::string path = fmt::format("/books/{}", some(sold_books));
    if (random_.one_in(12)) {
        send(http::Method::del, path, {}, {});
    } else if (random_.one_in(2)) {
        send(http::Method::patch, path, fmt::format(R"({{"stock":{}}})", random_.below(6)), {});
    } else {
        send(http::Method::put, path, R"({"bookName":"Book","stock":2})", {});
    }
}

void World::put_in_stock() {
    send(
        http::Method::post,
        "/stockInputs",
        fmt::format(R"({{"bookId":{},"quantity":{}}})", some(sold_books), some(5)),
        {}
    );
}

void World::client_acts() {
    switch (random_.below(20)) {
        case 0:
            send(http::Method::post, "/customers", R"({"customerName":"Lee"})", {});
            break;
        case 1:
        case 2:
            send(http::Method::post, "/books", R"({"bookName":"C++","stock":"3"})", {});
            break;
        case 3:
        case 4:
            put_in_stock();
            break;
        case 5:
            change_book();
            break;
        case 6:
        case 7:
            move_delivery();
            break;
        case 8:
        case 9:
        case 10:
            cancel_order();
            break;
        case 11:
            send(http::Method::post, fmt::format("/orders/{}/verification", some_order()), {}, {});
            break;
        case 12:
            if (random_.one_in(4)) {
                const auto* model = random_.one_in(2) ? "my-page" : "payment-history";
                send(http::Method::post, fmt::format("/rebuilds/{}", model), {}, [this](auto&) {
                    ++tally_.rebuilds;
                });
            } else if (random_.one_in(6)) {
                send(http::Method::del, fmt::format("/customers/{}", some(sold_customers)), {}, {});
            }
            break;
        default:
            place_order();
            break;
    }
}

}  // namespace bookstore::test
