#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "story.hpp"
#include "support/invariants.hpp"
#include "support/sqlite_reader.hpp"
#include "support/stored_pages.hpp"

// Large collections: what is made by `bookstore-bench fill`, what the real binary makes of it, and
// what its pages hold, each compared with what SQL says.

using namespace bookstore::test;

namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int64_t>;

/// A busy machine must not make a statement that is given up out of one that is slow.
const std::vector<std::string> patient{"--read-timeout", "60000"};

Finished run_bench(std::vector<std::string> words) {
    words.insert(words.begin(), BENCH_BINARY);
    return run_program(words);
}

/// A data directory of that many rows.
class Filled {
  public:
    Filled(int orders, int customers, int books, const std::string& deleted_share = "0.1") {
        const auto done = run_bench(
            {"fill",
             "--data-dir",
             path(),
             "--orders",
             std::to_string(orders),
             "--customers",
             std::to_string(customers),
             "--books",
             std::to_string(books),
             "--deleted-share",
             deleted_share}
        );
        REQUIRE_MESSAGE(done.status == 0, done.error);
    }
    const std::string& path() const { return directory_.path(); }

  private:
    TemporaryDirectory directory_;
};

Answer get(BookstoreProcess& process, const std::string& target) {
    auto got = process.get(target);
    return {got.status, std::move(got.headers), std::move(got.body)};
}

Answer post(BookstoreProcess& process, const std::string& target, const std::string& json) {
    auto got = process.post(target, json);
    return {got.status, std::move(got.headers), std::move(got.body)};
}

Ids ids_on(const Answer& page, const std::string& collection) {
    Ids ids;
    for (const auto& item : page.items(collection)) {
        const std::string href(item.at("_links").at("self").at("href").as_string());
        ids.push_back(std::stoll(href.substr(href.rfind('/') + 1)));
    }
    return ids;
}

/// Everything that has a `sort`, and what that may be.
struct Offer {
    std::string path;
    std::vector<std::string> sorts;

    bool of_customer() const { return path.ends_with("findByCustomerId"); }
    std::string collection() const { return path.substr(1, path.find('/', 1) - 1); }
    std::string target(const std::string& sort, std::int64_t page, std::int64_t size) const {
        return fmt::format(
            "{}?{}page={}&size={}&sort={}",
            path,
            of_customer() ? "customerId=1&" : "",
            page,
            size,
            sort
        );
    }
    StoredRows rows(const std::string& data_dir, const std::string& sort) const {
        return {
            data_dir,
            {.collection = collection(),
             .sort = sort.substr(0, sort.find(',')),
             .descending = sort.ends_with(",desc"),
             .customer_id = of_customer() ? std::optional<std::int64_t>(1) : std::nullopt}
        };
    }
};

std::vector<Offer> offers_of(BookstoreProcess& process) {
    std::vector<Offer> offers;
    const auto document = get(process, "/openapi.json").json();
    for (const auto& [path, methods] : document.at("paths").as_object()) {
        const auto* listed = methods.as_object().if_contains("get");
        if (listed == nullptr || !listed->as_object().contains("parameters")) {
            continue;
        }
        for (const auto& parameter : listed->at("parameters").as_array()) {
            if (parameter.at("name").as_string() == "sort") {
                offers.push_back({path, {}});
                for (const auto& word : parameter.at("schema").at("enum").as_array()) {
                    offers.back().sorts.emplace_back(word.as_string());
                }
            }
        }
    }
    return offers;
}

/// What is wrong with that page; empty when nothing is.
std::string page_fault(
    BookstoreProcess& process,
    const Offer& offer,
    const std::string& sort,
    const Ids& all,
    std::int64_t page,
    std::int64_t size
) {
    const auto target = offer.target(sort, page, size);
    const auto answer = get(process, target);
    if (answer.status != 200) {
        return fmt::format("{}: {} {}", target, answer.status, answer.body);
    }
    const auto total = static_cast<std::int64_t>(all.size());
    const auto numbers = fmt::format("{} of {}", (total + size - 1) / size, total);
    const auto told = answer.field("page.totalPages") + " of " + answer.field("page.totalElements");
    if (told != numbers) {
        return fmt::format("{}: {}, not {}", target, told, numbers);
    }
    const auto begin = all.begin() + std::min(page * size, total);
    const Ids expected(begin, begin + std::min(size, all.end() - begin));
    const Ids ids = ids_on(answer, offer.collection());
    return ids == expected
               ? ""
               : fmt::format(
                     "{}: {}, not {}", target, fmt::join(ids, " "), fmt::join(expected, " ")
                 );
}

/// First, second, middle, last but one, last, and beyond.
std::set<std::int64_t> some_pages(std::size_t rows, std::int64_t size) {
    const std::int64_t last = std::max<std::int64_t>(static_cast<std::int64_t>(rows) - 1, 0) / size;
    return {0, 1, last / 2, std::max<std::int64_t>(last - 1, 0), last, last + 1};
}

std::string rows_of(const std::string& data_dir, const std::string& file, const std::string& sql) {
    std::string all;
    Sqlite db(data_dir + "/" + file + ".db");
    db.rows(sql, [&](const Sqlite::Row& row) { all += row.text(0) + "\n"; });
    return all;
}

std::string read_models_of(const std::string& data_dir) {
    return rows_of(
               data_dir,
               "payment_history",
               "SELECT id || ' ' || order_id || pay_status || payment_id FROM payment_history"
           ) +
           rows_of(
               data_dir,
               "customer",
               "SELECT concat FROM (SELECT id || ' ' || customer_id || ' ' || nth_of_customer || "
               "' ' || order_id || ' ' || book_id || ' ' || quantity || delivery_address || "
               "order_status || delivery_status || delivery_id || ' ' || pay_amount || pay_status "
               "|| ordered_at AS concat FROM my_page ORDER BY id)"
           );
}

}  // namespace

TEST_CASE("a filled directory is what settled orders leave, and the bookstore goes on with it") {
    const Filled filled(2000, 300, 40);
    CHECK(fmt::format("{}", fmt::join(violated_invariants(filled.path()), "\n")) == "");
    Sqlite orders(filled.path() + "/order.db");
    CHECK(orders.number("SELECT count(*) FROM orders") == 2000);
    CHECK(orders.number("SELECT count(*) FROM orders WHERE customer_id = 1") == 400);
    Sqlite topic(filled.path() + "/topic.db");
    const auto end = topic.number("SELECT max(position) FROM event");
    CHECK(topic.number("SELECT count(*) FROM milestone") == end / 4096);  // host/order_index.hpp

    BookstoreProcess process(filled.path(), patient);
    CHECK(get(process, "/isReady").status == 200);
    CHECK(topic.number("SELECT max(position) FROM event") == end);
    const auto placed = post(
        process,
        "/orders",
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"seoul","payAmount":12.5})"
    );
    CHECK(placed.status == 201);
    CHECK(placed.header("Location").ends_with("/orders/2001"));
    CHECK(eventually([&] {
        const auto page = get(process, "/myPages/2001");
        return page.field("orderStatus") == "Shipped" &&
               page.field("payStatus") == "PAYMENT_COMPLETED";
    }));
    CHECK(eventually([&] { return get(process, "/paymentHistories/2001").status == 200; }));
    CHECK(eventually([&] { return get(process, "/orders/2001").field("orderStatus") == "Shipped"; })
    );
    for (const std::string collection : {"orders", "myPages"}) {
        const auto found =
            get(process, "/" + collection + "/search/findByCustomerId?customerId=1&page=20");
        CHECK(found.field("page.totalElements") == "401");
        CHECK(ids_on(found, collection) == Ids{2001});
    }
    CHECK(post(process, "/customers", R"({"customerName":"lee"})").id() == 301);
    // Ordered, DeliveryPrepared, DeliveryStatusChanged, Payed, Registered: all of them are relayed.
    CHECK(eventually([&] { return topic.number("SELECT max(position) FROM event") == end + 5; }));
    process.signal(SIGTERM);
    CHECK(process.wait() == 0);
    CHECK(fmt::format("{}", fmt::join(violated_invariants(filled.path()), "\n")) == "");
}

TEST_CASE("read models come out of a rebuild of a filled directory as they were filled") {
    const Filled filled(2000, 300, 40);
    const std::string before = read_models_of(filled.path());
    REQUIRE(std::ranges::count(before, '\n') == 4000);
    for (const std::string name : {"payment-history", "my-page"}) {
        const auto done = run_bookstore({"rebuild", name, "--data-dir", filled.path()});
        CHECK_MESSAGE(done.status == 0, done.error);
    }
    CHECK(read_models_of(filled.path()) == before);
}

TEST_CASE("every sort of every collection pages as SQL orders it, in both directions") {
    const Filled filled(2000, 5000, 5000);
    BookstoreProcess process(filled.path(), patient);
    const auto offers = offers_of(process);
    CHECK(offers.size() == 11);  // nine collections, two finders
    for (const Offer& offer : offers) {
        for (const std::string& sort : offer.sorts) {
            auto rows = offer.rows(filled.path(), sort);
            const Ids all = rows.ids(0, rows.total());
            REQUIRE(all.size() >= 400);
            for (const std::int64_t size : {20, 7, 1000}) {
                for (const std::int64_t page : some_pages(all.size(), size)) {
                    CHECK(page_fault(process, offer, sort, all, page, size) == "");
                }
            }
        }
    }
}

TEST_CASE("ids page without a gap over the borders of blocks with few and with many deletions") {
    for (const std::string deleted_share : {"0.1", "0.5", "0.999"}) {
        CAPTURE(deleted_share);
        const Filled filled(0, 5000, 5000, deleted_share);
        BookstoreProcess process(filled.path(), patient);
        for (const auto& [path, id] :
             {std::pair{"/customers", "customerId"}, {"/books", "bookId"}}) {
            const Offer offer{path, {}};
            for (const std::string& sort : {std::string(id), std::string(id) + ",desc"}) {
                auto rows = offer.rows(filled.path(), sort);
                const Ids all = rows.ids(0, rows.total());
                const auto pages = static_cast<std::int64_t>(all.size() / 100) + 1;
                for (std::int64_t page = 0; page <= pages; ++page) {
                    CHECK(page_fault(process, offer, sort, all, page, 100) == "");
                }
            }
        }
    }
}

TEST_CASE("a page too far from both ends of a sort is refused, and never linked") {
    constexpr std::int64_t limit = 100'000;
    constexpr std::int64_t size = 1000;
    const Filled filled(0, 230'000, 1);
    BookstoreProcess process(filled.path(), patient);
    const Offer offer{"/customers", {}};
    for (const std::string sort : {"customerName", "customerName,desc"}) {
        auto rows = offer.rows(filled.path(), sort);
        const Ids all = rows.ids(0, rows.total());
        const auto total = static_cast<std::int64_t>(all.size());
        const std::int64_t last = (total - 1) / size;
        REQUIRE(total > 2 * limit + 2 * size);
        const auto reachable = [&](std::int64_t page) {
            return page * size <= limit || total - std::min(total, (page + 1) * size) <= limit;
        };
        int refused = 0;
        for (std::int64_t page = 0; page <= last; ++page) {
            const auto target = offer.target(sort, page, size);
            const auto answer = get(process, target);
            CAPTURE(target);
            if (!reachable(page)) {
                ++refused;
                CHECK(answer.status == 400);
                CHECK(answer.body.contains("too far from both ends"));
                continue;
            }
            CHECK(page_fault(process, offer, sort, all, page, size) == "");
            const bool has_next = page < last && reachable(page + 1);
            const bool has_prev = page > 0 && reachable(page - 1);
            CHECK((answer.field("_links.next") != "missing") == has_next);
            CHECK((answer.field("_links.prev") != "missing") == has_prev);
            CHECK(answer.field("_links.last.href").contains(fmt::format("page={}&", last)));
        }
        CHECK(refused >= 2);
    }
    auto rows = offer.rows(filled.path(), "customerId");
    const Ids all = rows.ids(0, rows.total());
    for (const std::int64_t page : some_pages(all.size(), size)) {
        CHECK(page_fault(process, offer, "customerId", all, page, size) == "");
    }
}

TEST_CASE("fill refuses a directory that is not empty, and leaves it as it is") {
    const TemporaryDirectory directory;
    std::ofstream(directory.path() + "/mine") << "mine";
    const auto done = run_bench({"fill", "--data-dir", directory.path(), "--orders", "10"});
    CHECK(done.status == 1);
    CHECK(done.error == "bookstore-bench: " + directory.path() + " is not empty\n");
    CHECK(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("the measurement asks for everything, and ends at an answer that SQL does not agree with"
) {
    const Filled filled(500, 500, 500);
    BookstoreProcess process(filled.path(), patient);
    const std::vector<std::string> pages{
        "pages", "--requests", "2", "--url", process.url(), "--data-dir"
    };
    const auto measured_by = [&](const std::string& data_dir) {
        auto words = pages;
        words.push_back(data_dir);
        return run_bench(words);
    };
    const auto right = measured_by(filled.path());
    CHECK_MESSAGE(right.status == 0, right.error);
    for (const Offer& offer : offers_of(process)) {
        for (const std::string& sort : offer.sorts) {
            CHECK(right.out.contains(offer.path + "?"));
            CHECK(right.out.contains("sort=" + sort + "\n"));
        }
    }
    const Filled one_more(501, 500, 500);
    const auto wrong = measured_by(one_more.path());
    CHECK(wrong.status == 1);
    CHECK(wrong.error.contains("totalElements is 500, not 501"));
    const Filled others(500, 500, 500, "0.11");
    CHECK(measured_by(others.path()).status == 1);
}
