#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "shops.hpp"

// The seed's story, told to processes whose events cross a real Kafka, through the real gateway.

namespace bookstore::test {
namespace {

/// Orders that ship, wait for stock, are canceled, and whose payment fails.
void tell(Story& shop) {
    shop.given_customer("kim");
    shop.given_book(1000, "DDD");
    const auto first = shop.place_order(1, 1, 100);
    REQUIRE(shop.order_becomes(first, "Shipped"));
    REQUIRE(shop.payment_becomes(first, "PAYMENT_COMPLETED"));
    CHECK(shop.becomes("/myPages/1", "orderStatus", "Shipped"));
    CHECK(shop.becomes("/myPages/1", "deliveryStatus", "Shipped"));
    CHECK(shop.becomes("/myPages/1", "payStatus", "PAYMENT_COMPLETED"));
    CHECK(shop.of("/books/1", "stock") == "900");
    CHECK(shop.of("/deliverables/1", "status") == "Delivery_Prepared");
    CHECK(shop.of("/deliveries/1", "deliveryStatus") == "Shipped");
    CHECK(shop.becomes("/paymentHistories/1", "payStatus", "PAYMENT_COMPLETED"));

    const auto waiting = shop.place_order(1, 1, 901);
    REQUIRE(shop.becomes("/deliverables/2", "status", "Stock_Lacked"));
    CHECK(shop.of("/orders/2", "orderStatus") == "ORDERED");
    shop.put_in_stock(1, 1);
    CHECK(shop.order_becomes(waiting, "Shipped"));
    CHECK(shop.of("/books/1", "stock") == "0");

    const auto canceled = shop.place_order(1, 1, 1, "12.34");
    REQUIRE(shop.payment_becomes(canceled, "PAYMENT_COMPLETED"));
    shop.cancel(canceled);
    CHECK(shop.payment_becomes(canceled, "PAYMENT_CANCELED"));
    CHECK(shop.becomes("/deliverables/3", "status", "DeliveryCanceled"));
    CHECK(shop.becomes("/deliveries/3", "deliveryStatus", "CancelDelivery"));
    CHECK(shop.becomes("/myPages/3", "payStatus", "PAYMENT_CANCELED"));

    const auto failed = shop.place_order(1, 1, 1, "0");
    CHECK(shop.payment_becomes(failed, "PAYMENT_FAILED"));
    CHECK(shop.becomes("/paymentHistories", "page.totalElements", "5"));
    CHECK(shop.del("/orders/1").status == 409);
    const auto courier = shop.patch("/deliveries/1", R"({"deliveryStatus":"Delivered"})");
    CHECK(courier.status == 200);
    CHECK(shop.order_becomes(first, "Delivered"));
}

Answer ask(const std::string& url) {
    auto got = http::fetch(Method::get, http::parse_url(url));
    return {got.status, std::move(got.headers), std::move(got.body)};
}

/// Orders that are placed all the time, through the gateway.
class Customers {
  public:
    explicit Customers(std::string url) : url_(std::move(url)) {
        for (int i = 0; i < 2; ++i) {
            threads_.emplace_back([this, i](const std::stop_token& stop) { place(stop, i); });
        }
    }
    /// Waits for so many more answers of 201.
    bool placed(std::size_t more) {
        const std::size_t before = count();
        return eventually([&] { return count() >= before + more; }, std::chrono::seconds(60));
    }
    /// The address of each order that was acknowledged.
    const std::map<std::int64_t, std::string>& stop() {
        threads_.clear();
        return acknowledged_;
    }
    std::int64_t unknown() const { return unknown_; }

  private:
    std::size_t count() {
        const std::scoped_lock lock(mutex_);
        return acknowledged_.size();
    }
    void place(const std::stop_token& stop, int customer) {
        for (int number = 1; !stop.stop_requested(); ++number) {
            const std::string address = fmt::format("busan {} {}", customer, number);
            const Answer answer = send(address);
            const std::scoped_lock lock(mutex_);
            if (answer.status == 201) {
                acknowledged_[answer.id()] = address;
            } else if (answer.status != 503) {
                ++unknown_;
            }
        }
    }
    Answer send(const std::string& address) const {
        auto got = http::fetch(
            Method::post,
            http::parse_url(url_ + "/orders"),
            fmt::format(
                R"({{"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"{}","payAmount":7}})",
                address
            ),
            {{"Content-Type", "application/json"}}
        );
        return {got.status, std::move(got.headers), std::move(got.body)};
    }

    std::string url_;
    std::mutex mutex_;
    std::map<std::int64_t, std::string> acknowledged_;
    std::int64_t unknown_ = 0;
    std::vector<std::jthread> threads_;  ///< the first to go
};

/// Stops the process at that place, hands the file of payment over, and starts both again. Returns
/// the seconds for which nobody could ask for payments.
double move_payment(KafkaShop& shop, std::size_t from, std::size_t to, const Form& contexts) {
    const auto begin = std::chrono::steady_clock::now();
    for (const std::size_t place : {from, to}) {
        if (shop.runs(place)) {
            shop.stop(place);
        }
    }
    move_file("payment", shop.data_dir(from), shop.data_dir(to));
    for (std::size_t place = 0; place < shop.size(); ++place) {
        shop.host(place, contexts[place]);
    }
    shop.start_all();
    shop.reroute();
    CHECK(ask(shop.url() + "/payments").status == 200);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("the seed's story in a process a context: one log, in each process and in Kafka") {
    Story shop(shop_in(form_of("seven"), quick_van()));
    tell(shop);
    REQUIRE(rests(shop.shop()));
    all_holds_at_the_end(shop.shop(), same_events_everywhere(shop.shop()));
}

TEST_CASE("the seed's story in two processes: one log, in each process and in Kafka") {
    Story shop(shop_in(form_of("two"), quick_van()));
    tell(shop);
    REQUIRE(rests(shop.shop()));
    const std::string events = same_events_everywhere(shop.shop());
    // It is the log that a single process serves, by the same route, through the gateway.
    std::string served;
    for (const std::string& line : shop.events()) {
        served += line + "\n";
    }
    CHECK(served == events);
    // A stop and a start change nothing of it.
    shop.restart(quick_van());
    CHECK(same_events_everywhere(shop.shop()) == events);
    all_holds_at_the_end(shop.shop(), events);
}

TEST_CASE("payment is taken out of a running shop and put back, and no order is lost or doubled") {
    const Form together{"customer,inventory,order", "delivery,payment,payment_history,van", ""};
    const Form apart{"customer,inventory,order", "delivery,payment_history,van", "payment"};
    Story shop(shop_in({together[0], together[1]}));
    KafkaShop& processes = shop.shop();
    processes.add_place("");
    shop.given_customer();
    shop.given_book(1'000'000);
    Customers customers(processes.url());
    REQUIRE(customers.placed(20));

    const double out_s = move_payment(processes, 1, 2, apart);  // it reads the log from its start
    REQUIRE(customers.placed(20));
    const double back_s = move_payment(processes, 2, 1, together);
    REQUIRE(customers.placed(20));
    // This time with a copy of the log.
    processes.stop(1);
    std::filesystem::remove_all(processes.data_dir(2));
    std::filesystem::create_directory(processes.data_dir(2));
    for (const auto& file : std::filesystem::directory_iterator(processes.data_dir(1))) {
        if (file.path().filename().string().starts_with("topic.db")) {
            std::filesystem::copy(
                file, processes.data_dir(2) + "/" + file.path().filename().string()
            );
        }
    }
    const double copied_s = move_payment(processes, 1, 2, apart);
    REQUIRE(customers.placed(20));
    MESSAGE("without payment for ", out_s, " s, ", back_s, " s and, with a copy, ", copied_s, " s");

    const auto& acknowledged = customers.stop();
    REQUIRE(rests(processes));
    MESSAGE(acknowledged.size(), " orders acknowledged, ", customers.unknown(), " unknown");
    for (const auto& [id, address] : acknowledged) {
        const auto order = shop.get(fmt::format("/orders/{}", id));
        REQUIRE(order.field("deliveryAddress") == address);
        REQUIRE(order.field("orderStatus") == "Shipped");
    }
    const std::string all = shop.of("/orders", "page.totalElements");
    const auto orders = std::stoull(all);
    CHECK(orders >= acknowledged.size());
    CHECK(orders <= acknowledged.size() + static_cast<std::size_t>(customers.unknown()));
    for (const std::string collection : {"payments", "deliveries", "paymentHistories", "myPages"}) {
        CAPTURE(collection);
        CHECK(shop.of("/" + collection, "page.totalElements") == all);
    }
    for (const std::string type : {"Ordered", "Payed", "DeliveryPrepared"}) {
        CAPTURE(type);
        CHECK(shop.count(type) == orders);
    }
    all_holds_at_the_end(processes, same_events_everywhere(processes));
}

}  // namespace bookstore::test
