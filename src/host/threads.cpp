#include "host/threads.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace bookstore::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds idle_time{500};   ///< without work: the WAL is moved into the file
constexpr milliseconds pause_time{100};  ///< after an exception that nobody expected
constexpr std::int64_t in_no_step = -1;

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

bool Bell::wait(std::optional<milliseconds> limit) {
    std::unique_lock lock(mutex_);
    const auto rung = [this] { return ringing_; };
    bool woken = true;
    if (limit) {
        woken = rung_.wait_for(lock, *limit, rung);
    } else {
        rung_.wait(lock, rung);
    }
    ringing_ = false;
    return woken;
}

/// While it lives, its thread is in a step.
class Threads::Step {
  public:
    Step(std::atomic<std::int64_t>& began_steady_ms, const Clock& clock)
        : began_steady_ms_(began_steady_ms) {
        began_steady_ms_.store(clock.steady_ms(), std::memory_order_relaxed);
    }
    ~Step() { began_steady_ms_.store(in_no_step, std::memory_order_relaxed); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

  private:
    std::atomic<std::int64_t>& began_steady_ms_;
};

Threads::Threads(std::size_t places) : step_began_steady_ms_(places) {
    for (auto& began_steady_ms : step_began_steady_ms_) {
        began_steady_ms = in_no_step;
    }
    for (std::size_t i = 0; i < places; ++i) {
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
        threads_.emplace_back([this, i, &module = *system.modules()[i]] { run_module(module, i); });
    }
    threads_.emplace_back([this, &system] { run_relay(system); });
}

milliseconds Threads::busy_for(std::size_t place) const {
    const std::int64_t began_steady_ms =
        step_began_steady_ms_[place].load(std::memory_order_relaxed);
    return milliseconds(began_steady_ms == in_no_step ? 0 : clock_.steady_ms() - began_steady_ms);
}

void Threads::run_module(kernel::HostedModule& module, std::size_t place) {
    name_thread(module.name());
    Bell& bell = *bells_[place];
    const auto step = [&] {
        const Step timed(step_began_steady_ms_[place], clock_);
        return module.step();
    };
    bool idle_done = false;
    while (!stopping_) {
        try {
            if (step()) {
                idle_done = false;
                continue;
            }
            const auto due = module.due_in();
            const auto wait = idle_done ? due : std::min(due.value_or(idle_time), idle_time);
            const bool rung = bell.wait(wait);
            if (!rung && !idle_done && wait == idle_time) {
                const Step timed(step_began_steady_ms_[place], clock_);
                module.idle();
                idle_done = true;
            }
        } catch (const std::exception& error) {
            spdlog::error("{}: {}", module.name(), error.what());
            bell.wait(pause_time);
        }
    }
    try {
        module.finish();
    } catch (const std::exception& error) {
        spdlog::error("{}: {}", module.name(), error.what());
    }
}

void Threads::run_relay(System& system) {
    name_thread("relay");
    bus::Relay& relay = system.relay();
    bus::Topic& topic = system.topic();
    Retention& retention = system.retention();
    Bell& bell = *bells_[system.relay_place()];
    const auto step = [&] {
        const Step timed(step_began_steady_ms_[system.relay_place()], clock_);
        return relay.step() || topic.work() || retention.step();
    };
    bool idle_done = false;
    while (!stopping_) {
        try {
            if (step()) {
                idle_done = false;
                continue;
            }
            std::optional<milliseconds> wait = idle_done ? std::nullopt : std::optional(idle_time);
            if (const auto due = relay.due_in_ms()) {
                wait = std::min(wait.value_or(milliseconds(*due)), milliseconds(*due));
            }
            if (const auto due = retention.due_in_ms()) {
                wait = std::min(wait.value_or(milliseconds(*due)), milliseconds(*due));
            }
            if (!bell.wait(wait) && !idle_done && wait == idle_time) {
                topic.idle();
                idle_done = true;
            }
        } catch (const std::exception& error) {
            spdlog::error("relay: {}", error.what());
            bell.wait(pause_time);
        }
    }
    try {
        topic.flush();
    } catch (const std::exception& error) {
        spdlog::error("relay: {}", error.what());
    }
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

}  // namespace bookstore::host
