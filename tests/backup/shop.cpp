#include "shop.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/sqlite_reader.hpp"

namespace bookstore::test {

std::string backup_body(const std::string& directory) {
    return boost::json::serialize(boost::json::value{{"directory", directory}});
}

std::map<std::string, std::string> files_in(const std::string& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        const std::string name = entry.path().filename();
        std::ifstream file(entry.path(), std::ios::binary);
        files[name] = name.ends_with("-shm")
                          ? "an index"
                          : std::string(std::istreambuf_iterator<char>(file), {});
    }
    return files;
}

Finished check_of(const std::string& data_dir, std::vector<std::string> more) {
    more.insert(more.begin(), {"check", "--data-dir", data_dir});
    return run_bookstore(more);
}

Crowd::Crowd(const std::string& url) : url_(http::parse_url(url)) {
    for (int number = 0; number < 4; ++number) {
        threads_.emplace_back([this, number] { run(number); });
    }
}

Crowd::Acknowledged Crowd::acknowledged() {
    const std::scoped_lock lock(mutex_);
    return acknowledged_;
}

bool Crowd::orders(std::size_t more) {
    const std::size_t wanted = acknowledged().orders.size() + more;
    return eventually([&] { return acknowledged().orders.size() >= wanted; });
}

void Crowd::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

void Crowd::run(int number) {
    const auto send = [&](http::Method method, const std::string& target, const std::string& body) {
        http::Url url = url_;
        url.target = target;
        return http::fetch(method, url, body, {{"Content-Type", "application/json"}});
    };
    for (int turn = 0; !stopping_; ++turn) {
        try {
            const int book = turn % 5 == 4 ? 2 : 1;
            const auto placed = send(
                Method::post,
                "/orders",
                fmt::format(
                    R"({{"bookId":{},"customerId":{},"quantity":1,"deliveryAddress":"busan {}",)"
                    R"("payAmount":{}}})",
                    book,
                    1 + number % 2,
                    turn,
                    turn % 7 == 0 ? "null" : "12.34"
                )
            );
            if (placed.status != 201) {
                continue;
            }
            const Answer answer{placed.status, placed.headers, placed.body};
            const std::int64_t id = answer.id();
            {
                const std::scoped_lock lock(mutex_);
                acknowledged_.orders.insert(id);
            }
            if (turn % 3 == 0 &&
                send(Method::del, fmt::format("/orders/{}", id), {}).status == 204) {
                const std::scoped_lock lock(mutex_);
                acknowledged_.canceled.insert(id);
            }
            if (turn % 10 == 9) {
                send(Method::post, "/stockInputs", R"({"bookId":2,"quantity":1})");
            }
        } catch (const std::exception&) {
            // It was killed: nothing was acknowledged.
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
}

void given_shop(Story& story) {
    story.given_customer("kim");
    story.given_customer("lee");
    story.given_book(1'000'000);
    story.given_book(0, "IDDD");
}

void given_weight(const std::string& data_dir, int megabytes) {
    Sqlite db(data_dir + "/order.db", Sqlite::Mode::write);
    db.run(fmt::format(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        "INSERT INTO idempotency(key, target, fingerprint, time, status, content_type, headers, "
        "body) SELECT 'weight-' || i, 'POST /nowhere', '', 4102444800000, 200, '', '', "
        "hex(zeroblob(500000)) FROM n",
        megabytes
    ));
}

}  // namespace bookstore::test
