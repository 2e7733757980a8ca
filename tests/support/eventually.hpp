#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace bookstore::test {

/// Asks again, a few ms later each time, until the condition holds, which others make true; false
/// when it did not within the time.
inline bool eventually(
    const std::function<bool()>& condition, std::chrono::seconds at_most = std::chrono::seconds(20)
) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return condition();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace bookstore::test
