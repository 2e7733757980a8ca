#include "app/threads.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace bookstore::app {
namespace {

constexpr std::int64_t idle_ms = 500;   ///< without work: the WAL is moved into the file
constexpr std::int64_t pause_ms = 100;  ///< after an exception that nobody expected

void name_thread(const std::string& name) {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace

void Bell::ring() {
    {
        const std::scoped_lock lock(mutex_);
        if (ringing_) {
            return;
        }
        ringing_ = true;
    }
    rung_.notify_one();
}

bool Bell::wait(std::optional<std::int64_t> ms) {
    std::unique_lock lock(mutex_);
    const auto rung = [this] { return ringing_; };
    bool woken = true;
    if (ms) {
        woken = rung_.wait_for(lock, std::chrono::milliseconds(*ms), rung);
    } else {
        rung_.wait(lock, rung);
    }
    ringing_ = false;
    return woken;
}

Threads::Threads() {
    for (std::size_t i = 0; i <= System::relay_bell; ++i) {
        bells_.push_back(std::make_unique<Bell>());
    }
}

Threads::~Threads() {
    stop();
}

System::Ring Threads::ring() {
    return [this](std::size_t place) { bells_[place]->ring(); };
}

void Threads::start(System& system) {
    for (std::size_t i = 0; i < system.modules().size(); ++i) {
        threads_.emplace_back([this, &module = *system.modules()[i], &bell = *bells_[i]] {
            run_module(module, bell);
        });
    }
    threads_.emplace_back([this, &system, &bell = *bells_[System::relay_bell]] {
        run_relay(system.relay(), system.topic(), bell);
    });
}

void Threads::run_module(kernel::Module& module, Bell& bell) {
    name_thread(module.name());
    bool idle_done = false;
    while (!stopping_) {
        try {
            if (module.step()) {
                idle_done = false;
                continue;
            }
            const auto due = module.due_in_ms();
            const auto wait = idle_done ? due : std::min(due.value_or(idle_ms), idle_ms);
            const bool rung = bell.wait(wait);
            if (!rung && !idle_done && wait == idle_ms) {
                module.idle();
                idle_done = true;
            }
        } catch (const std::exception& error) {
            spdlog::error("{}: {}", module.name(), error.what());
            bell.wait(pause_ms);
        }
    }
    try {
        module.finish();
    } catch (const std::exception& error) {
        spdlog::error("{}: {}", module.name(), error.what());
    }
}

void Threads::run_relay(bus::Relay& relay, bus::Topic& topic, Bell& bell) {
    name_thread("relay");
    bool idle_done = false;
    while (!stopping_) {
        if (relay.step()) {
            idle_done = false;
            continue;
        }
        std::optional<std::int64_t> wait = idle_done ? std::nullopt : std::optional(idle_ms);
        if (const auto due = relay.next_due_ms()) {
            wait = std::max<std::int64_t>(*due - clock_.steady_ms(), 0);
        }
        if (!bell.wait(wait) && !idle_done && wait == idle_ms) {
            topic.database().writer().idle();
            idle_done = true;
        }
    }
    topic.database().writer().flush();
}

void Threads::stop() {
    stopping_ = true;
    for (const auto& bell : bells_) {
        bell->ring();
    }
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

}  // namespace bookstore::app
