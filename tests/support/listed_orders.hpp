#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/contexts.hpp"
#include "host/system.hpp"
#include "modules/order/events.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

/// The customer context with its read model My Page, and a log of orders that no context of this
/// process has placed, stepped by the test.
class ListedOrders {
  public:
    explicit ListedOrders(host::SystemOptions options) : options_(std::move(options)) {
        options_.modules = {"customer"};
        open();
    }
    void close() { system_.reset(); }
    void open() {
        close();
        system_ = std::make_unique<host::System>(
            app::contexts(), options_, clock, random, [](std::size_t) {}
        );
    }

    host::System& system() { return *system_; }
    bus::Topic& topic() { return system_->topic(); }
    kernel::HostedModule& customer() { return system_->module("customer"); }
    kernel::Rebuild& rebuild() { return customer().rebuild("my-page"); }

    /// Appends so many orders to the log.
    void append(std::int64_t orders) {
        constexpr std::int64_t at_once = 1000;
        for (std::int64_t left = orders; left > 0; left -= at_once) {
            std::vector<bus::Envelope> events;
            for (std::int64_t i = 0; i < std::min(left, at_once); ++i) {
                order::Ordered ordered = order::Ordered::example();
                ordered.order_id = ++orders_;
                ordered.customer_id = 1 + orders_ % 100;
                events.push_back(
                    {.source = "order",
                     .source_position = orders_,
                     .key = text_of(ordered.key()),
                     .type = "Ordered",
                     .time_ms = clock.now_ms(),
                     .trace = {},
                     .payload = bus::payload_of(ordered, clock.now_ms())}
                );
            }
            topic().append(events);
        }
    }
    bool step() { return customer().step(); }
    /// Until nothing is to be done.
    void settle() {
        while (step()) {
        }
    }
    std::int64_t ask(const std::string& sql) {
        const storage::Reader reader = customer().read();
        return reader->query_integer(sql);
    }
    /// Every row of My Page, as one number.
    std::string pages() {
        const storage::Reader reader = customer().read();
        return reader
            ->query_text(
                "SELECT count(*) || ' ' || total(id * customer_id + order_id * "
                "nth_of_customer) || ' ' || max(order_id) FROM my_page"
            )
            .value_or("");
    }
    bool has_table(const std::string& name) {
        return ask(fmt::format("SELECT count(*) FROM sqlite_schema WHERE name = '{}'", name)) == 1;
    }

    VirtualClock clock;
    SeededRandom random{1};

  private:
    host::SystemOptions options_;
    std::int64_t orders_ = 0;
    std::unique_ptr<host::System> system_;
};

}  // namespace bookstore::test
