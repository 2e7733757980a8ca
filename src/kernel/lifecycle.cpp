#include <spdlog/spdlog.h>

#include <algorithm>

#include "kernel/module.hpp"

// A module is stopped, and goes on, while the process runs. Its state changes on its own thread
// alone, between two steps: a step sees one state from its begin to its end, and so does a write.

namespace bookstore::kernel {

void Module::stop(std::function<void()> told) {
    strand_.post([this, told = std::move(told)] {
        if (state() != State::stopped) {
            rest_now();
        }
        // Whatever was submitted before stands before it: the file has one queue.
        database_.writer().submit(
            {.durable = false,
             .run = [](storage::Connection&) { return true; },
             .done = [told](const storage::Outcome&) { told(); }}
        );
    });
}

void Module::rest_now() {
    state_ = State::stopped;
    for (const auto& task : tasks_) {
        task->rest(true);
    }
    for (const auto& subscription : subscriptions_) {
        subscription->save_cursor();
    }
    spdlog::info("the {} context was stopped", name_);
}

void Module::go_on(std::function<void()> told) {
    strand_.post([this, told = std::move(told)] {
        if (state() == State::stopped) {
            go_on_now();
        }
        told();
    });
}

void Module::go_on_now() {
    catch_up_to_ = environment_.topic.end();
    for (const auto& subscription : subscriptions_) {
        subscription->look();
    }
    for (const auto& task : tasks_) {
        task->rest(false);
    }
    went_on_.store(true, std::memory_order_relaxed);
    state_ = State::starting;
    notice_caught_up();
    spdlog::info("the {} context goes on, from {} events back", name_, behind());
    if (back_) {
        back_();
    }
}

std::int64_t Module::behind() const {
    std::int64_t events = 0;
    for (const auto& subscription : subscriptions_) {
        events = std::max(events, subscription->lag());
    }
    return events;
}

}  // namespace bookstore::kernel
