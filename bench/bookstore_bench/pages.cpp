#include "pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <vector>

#include "keep_alive.hpp"
#include "kernel/paging.hpp"
#include "support/stored_pages.hpp"

namespace bookstore::bench {
namespace {

using test::StoredRows;

constexpr std::int64_t big_customer = 1;
constexpr std::int64_t usual_size = 20;
constexpr std::int64_t most_size = 1000;

// ---- what the server offers

/// A way to list a collection, as /openapi.json tells.
struct Offer {
    std::string path;  ///< "/orders", "/orders/search/findByCustomerId"
    bool of_customer = false;
    std::string sort;  ///< as it is asked for: "orderId", "orderId,desc"
    std::string property;
    bool descending = false;
    bool by_id = false;  ///< the order in which a page is a seek
    std::string collection;

    bool whole() const { return !of_customer; }
    /// Every page can be had: only sorts of a whole collection have pages too far from both ends.
    bool unbounded() const { return of_customer || by_id; }
    std::string name() const { return fmt::format("{} by {}", path, property); }
    std::string target(std::int64_t page, std::int64_t size) const {
        std::string query = of_customer ? fmt::format("customerId={}&", big_customer) : "";
        query += fmt::format("page={}&sort={}", page, sort);
        query += size == usual_size ? "" : fmt::format("&size={}", size);
        return path + "?" + query;
    }
};

Offer offer_of(
    const std::string& path, bool of_customer, const boost::json::object& sorts, std::string word
) {
    Offer offer;
    offer.path = path;
    offer.of_customer = of_customer;
    offer.collection = path.substr(1, path.find('/', 1) - 1);
    const std::size_t comma = word.find(',');
    offer.property = word.substr(0, comma);
    offer.descending = word.ends_with(",desc");
    offer.by_id = sorts.at("default").as_string() == offer.property;
    offer.sort = std::move(word);
    return offer;
}

/// Everything that has a `sort`. One that needs a parameter which is not known here is an error.
std::vector<Offer> offers_of(const boost::json::value& openapi) {
    std::vector<Offer> offers;
    for (const auto& [path, methods] : openapi.at("paths").as_object()) {
        const auto* get = methods.as_object().if_contains("get");
        const auto* parameters =
            get == nullptr ? nullptr : get->as_object().if_contains("parameters");
        if (parameters == nullptr) {
            continue;
        }
        const boost::json::object* sorts = nullptr;
        bool of_customer = false;
        std::string unknown;
        for (const auto& parameter : parameters->as_array()) {
            const std::string_view name = parameter.at("name").as_string();
            if (name == "sort") {
                sorts = &parameter.at("schema").as_object();
            } else if (name == "customerId") {
                of_customer = true;
            } else if (parameter.as_object().contains("required") &&
                       parameter.at("required").as_bool()) {
                unknown = name;
            }
        }
        if (sorts == nullptr) {
            continue;
        }
        if (!unknown.empty()) {
            throw std::runtime_error(fmt::format("{} needs {}: which?", std::string(path), unknown)
            );
        }
        for (const auto& word : sorts->at("enum").as_array()) {
            offers.push_back(offer_of(path, of_customer, *sorts, std::string(word.as_string())));
        }
    }
    return offers;
}

// ---- what must be answered

/// The number at the end of the self link.
std::int64_t id_of(const boost::json::value& item) {
    const std::string_view href = item.at("_links").at("self").at("href").as_string();
    return std::stoll(std::string(href.substr(href.rfind('/') + 1)));
}

class Wrong : public std::runtime_error {
  public:
    Wrong(const std::string& target, const std::string& what)
        : std::runtime_error(target + ": " + what) {}
};

using Ids = std::vector<std::int64_t>;

/// A page with these rows of `all`.
void check_page(
    const std::string& target,
    const KeepAlive::Answer& answer,
    const std::string& collection,
    const Ids& all,
    std::int64_t page,
    std::int64_t size
) {
    if (answer.status != 200) {
        throw Wrong(target, fmt::format("status {}: {}", answer.status, answer.body));
    }
    const auto body = boost::json::parse(answer.body);
    const auto total = static_cast<std::int64_t>(all.size());
    if (const auto told = body.at("page").at("totalElements").to_number<std::int64_t>();
        told != total) {
        throw Wrong(target, fmt::format("totalElements is {}, not {}", told, total));
    }
    const auto& items = body.at("_embedded").at(collection).as_array();
    const std::int64_t count = std::clamp<std::int64_t>(total - page * size, 0, size);
    if (static_cast<std::int64_t>(items.size()) != count) {
        throw Wrong(target, fmt::format("{} items, not {}", items.size(), count));
    }
    auto expected = all.begin() + page * size;
    for (const auto& item : items) {
        if (id_of(item) != *expected) {
            throw Wrong(target, fmt::format("{} stands where {} should", id_of(item), *expected));
        }
        ++expected;
    }
}

// ---- the measurement

class Measurement {
  public:
    explicit Measurement(const PagesOptions& options) : options_(options), server_(options.url) {}

    void run() {
        const auto answer = server_.get("/openapi.json");
        for (const Offer& offer : offers_of(boost::json::parse(answer.body))) {
            const Ids& all = rows_of(offer);
            if (all.empty()) {
                throw std::runtime_error(offer.path + " is empty: nothing can be measured");
            }
            measure(offer, offer.name(), all, usual_size);
            if (offer.by_id && offer.whole() && offer.sort != offer.property) {
                measure(offer, offer.name() + ", size=1000", all, most_size);
            }
            if (offer.by_id && offer.whole() && offer.sort == offer.property) {
                measure_items(offer, all);
            }
        }
    }

  private:
    /// The ids in that order. Kept while the next offers are the same but for the word.
    const Ids& rows_of(const Offer& offer) {
        const StoredRows::Listing listing{
            .collection = offer.collection,
            .sort = offer.property,
            .descending = offer.descending,
            .customer_id = offer.of_customer ? std::optional(big_customer) : std::nullopt
        };
        const std::string key = offer.name() + (offer.descending ? " down" : " up");
        if (key != rows_of_) {
            StoredRows rows(options_.data_dir, listing);
            rows_ = rows.ids(0, rows.total());
            rows_of_ = key;
        }
        return rows_;
    }

    /// First page, last page, and others between: anywhere in the middle half; or, of a sort that
    /// walks, the farthest that there are.
    void measure(const Offer& offer, const std::string& name, const Ids& all, std::int64_t size) {
        const std::int64_t last = (static_cast<std::int64_t>(all.size()) - 1) / size;
        const std::int64_t farthest = std::min(last / 2, kernel::SortedRows::max_offset / size);
        const auto middle = [&](int nth) {
            return offer.unbounded() ? last / 4 + random(last / 2 + 1)
                                     : std::max<std::int64_t>(farthest - nth, 0);
        };
        const auto pages = [&](const char* place, const std::function<std::int64_t(int)>& page_of) {
            std::vector<double> times;
            for (int i = 0; i < options_.requests; ++i) {
                const std::int64_t page = page_of(i);
                const std::string target = offer.target(page, size);
                const auto answer = server_.get(target);
                times.push_back(answer.ms);
                check_page(target, answer, offer.collection, all, page, size);
            }
            print(name, place, std::move(times), offer.target(page_of(0), size));
        };
        pages("first", [](int) { return 0; });
        pages("middle", middle);
        pages("last", [last](int) { return last; });
    }

    /// Any item.
    void measure_items(const Offer& offer, const Ids& all) {
        std::vector<double> times;
        std::string target;
        for (int i = 0; i < options_.requests; ++i) {
            const auto place = random(static_cast<std::int64_t>(all.size()));
            const std::int64_t id = all[static_cast<std::size_t>(place)];
            target = fmt::format("{}/{}", offer.path, id);
            const auto answer = server_.get(target);
            times.push_back(answer.ms);
            if (answer.status != 200 || id_of(boost::json::parse(answer.body)) != id) {
                throw Wrong(target, fmt::format("status {}: {}", answer.status, answer.body));
            }
        }
        print("items by id", "item", std::move(times), target);
    }

    static void print(
        const std::string& name,
        const char* place,
        std::vector<double> times,
        const std::string& target
    ) {
        std::ranges::sort(times);
        const std::size_t count = times.size();
        fmt::print(
            "{}\t{}\t{:.3f}\t{:.3f}\t{:.3f}\t{}\n",
            name,
            place,
            times[count / 2],
            times[(count * 99 + 99) / 100 - 1],
            times.back(),
            target
        );
    }

    /// From 0 to bound - 1, the same in every run.
    std::int64_t random(std::int64_t bound) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
    }

    const PagesOptions& options_;
    KeepAlive server_;
    std::mt19937_64 random_{1
    };  // NOLINT(bugprone-random-generator-seed,cert-msc51-cpp): repeatable
    std::string rows_of_;
    Ids rows_;
};

}  // namespace

void measure_pages(const PagesOptions& options) {
    Measurement(options).run();
}

}  // namespace bookstore::bench
