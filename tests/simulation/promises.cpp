#include "simulation/promises.hpp"

#include <fmt/format.h>

namespace bookstore::test {
namespace {

std::int64_t id_in(const http::Response& response) {
    for (const auto& [name, value] : response.headers) {
        if (name == "Location") {
            return std::stoll(value.substr(value.rfind('/') + 1));
        }
    }
    throw Broken("a 201 without Location");
}

}  // namespace

std::string order_body(SeededRandom& random) {
    static constexpr const char* amounts[] = {"null", "0", "12.34", "\"1000.0\"", "5"};
    return fmt::format(
        R"({{"bookId":{},"customerId":{},"quantity":{},"deliveryAddress":"busan si","payAmount":{}}})",
        1 + random.below(sold_books),
        1 + random.below(sold_customers),
        1 + random.below(4),
        amounts[random.below(5)]
    );
}

std::string OrderPromises::acknowledge(const http::Response& response) {
    const auto [entry, first] = acknowledged.emplace(
        id_in(response), response.body.substr(0, response.body.find(R"("orderStatus")"))
    );
    return first ? std::string() : fmt::format("order {} was acknowledged twice", entry->first);
}

void OrderPromises::check(const std::function<std::string(const std::string& target)>& get) const {
    for (const auto& [id, begin] : acknowledged) {
        const std::string body = get(fmt::format("/orders/{}", id));
        if (!body.starts_with(begin)) {
            throw Broken(fmt::format("1: order {} was acknowledged as {}, is {}", id, begin, body));
        }
        if (canceled.contains(id) && !body.contains(R"("orderStatus":"CANCELED")")) {
            throw Broken(fmt::format("4: order {} was canceled, is {}", id, body));
        }
    }
}

}  // namespace bookstore::test
