#include "app/signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <ctime>
#include <thread>

namespace bookstore::app {

Signals::Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

std::optional<int> Signals::wait(std::chrono::nanoseconds time) const {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const timespec limit{
        .tv_sec = static_cast<time_t>(seconds.count()),
        .tv_nsec = static_cast<long>((time - seconds).count())
    };
    const int number = sigtimedwait(&set_, nullptr, &limit);
    return number > 0 ? std::optional(number) : std::nullopt;
}

void Signals::release() const {
    std::thread([set = set_] {
        int number = 0;
        sigwait(&set, &number);
        _exit(128 + number);
    }).detach();
}

}  // namespace bookstore::app
