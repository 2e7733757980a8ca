#include "modules/order/check.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>

#include "check/findings.hpp"
#include "check/own_checks.hpp"
#include "check/sqlite_file.hpp"

namespace bookstore::order {
namespace {

/// An order whose 201 is kept for its Idempotency-Key exists.
void check_acknowledged(const check::ContextView& view) {
    const std::int64_t last = view.file.number("SELECT max(id) FROM orders");
    auto rows = view.file.rows(
        "SELECT key, headers FROM idempotency WHERE target = 'POST /orders' AND status = 201"
    );
    while (rows.next()) {
        constexpr std::string_view path = "/orders/";
        const std::string_view headers = rows.text(1);
        const auto at = headers.rfind(path);
        std::int64_t id = 0;
        if (at != std::string_view::npos) {
            const char* begin = headers.data() + at + path.size();
            std::from_chars(begin, headers.data() + headers.size(), id);
        }
        if (id > last) {
            view.findings.add(
                "order {} was answered 201 (key {}), and does not exist", id, rows.text(0)
            );
        }
    }
}

}  // namespace

void check_file(const check::ContextView& view) {
    check::check_nth_of_customer(view, "orders");
    check_acknowledged(view);
}

}  // namespace bookstore::order
