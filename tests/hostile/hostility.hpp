#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http_server/raw_client.hpp"
#include "story.hpp"

namespace bookstore::test {

/// Memory is measured where no sanitizer multiplies it.
bool memory_is_measured();

/// A bookstore that is attacked. While attackers hold what they hold, an honest customer goes on
/// buying, on new connections and on one that is kept; then it looks at the process's memory.
class Hostility {
  public:
    static constexpr double kib = 1.0 / 1024;

    /// With a customer 1, a book 1, and that many orders of the longest address there may be.
    /// Over TLS, where the environment says so (is_secure()).
    explicit Hostility(std::vector<std::string> flags = {}, int orders = 0);

    Story& story() { return story_; }
    RawClient connect(int receive_buffer_bytes = 0);
    RawClient connect_from(const char* from);
    /// One that may speak TLS itself, or anything else.
    RawClient connect_plainly(const char* from = "127.0.0.1");
    /// So many connections, each of which sends that.
    std::vector<RawClient> connect(
        std::size_t count, const std::string& bytes = {}, int receive_buffer_bytes = 0
    );

    /// The honest customer's rounds while the attack lasts: each places an order and reads it.
    /// Every answer must be right.
    void honest_rounds(int rounds = 20);
    /// The same beside an attack that runs on threads of its own; returns when that is over and at
    /// least so many rounds were made.
    void honest_beside(const std::function<void()>& attack, int rounds = 20);

    /// docs/operations.md: what a connection may hold more where it is one of TLS.
    static double tls_mib();
    /// docs/operations.md: what the process may hold of memory that is no connection's.
    double caches_mib() const;
    /// What the process holds now.
    double resident_mib();
    /// Checks the process's peak so far, and says it.
    void check_memory(const std::string& scenario, double connections, double mib_each);

    /// The process lives, serves, and its files agree.
    void ends_well();

  private:
    void buy(RawClient& kept);

    Story story_;
    std::atomic<int> rounds_ = 0;
    std::atomic<int> placed_ = 0;
};

}  // namespace bookstore::test
