#include "app/signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <ctime>
#include <thread>

#include "http/server.hpp"

namespace bookstore::app {
namespace {

/// While it lives, these signals reach its thread, and end the process.
class Interruptible {
  public:
    explicit Interruptible(const sigset_t& set) : set_(set) {
        struct sigaction ending{};
        // Not the default action: process 1 of a container has none.
        ending.sa_handler = [](int) {
            http::remove_socket_files();
            _exit(0);
        };
        sigaction(SIGTERM, &ending, nullptr);
        sigaction(SIGINT, &ending, nullptr);
        pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
    }
    ~Interruptible() { pthread_sigmask(SIG_BLOCK, &set_, nullptr); }
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

  private:
    const sigset_t& set_;
};

}  // namespace

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

void Signals::ends_during(const std::function<void()>& work) const {
    const Interruptible interruptible(set_);
    work();
}

void Signals::release() const {
    std::thread([set = set_] {
        int number = 0;
        sigwait(&set, &number);
        http::remove_socket_files();
        _exit(128 + number);
    }).detach();
}

}  // namespace bookstore::app
