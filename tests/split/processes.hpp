#pragma once

#include <signal.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http/story.hpp"
#include "support/bookstore_process.hpp"
#include "support/freeze.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {

/// Bookstores that host some contexts each, and are each other's peers, on ports that were free a
/// moment ago.
class Processes {
  public:
    /// One for each list of contexts. `flags` are for all of them; `more_peers` are URLs beside
    /// theirs.
    explicit Processes(
        std::vector<std::string> modules,
        std::vector<std::string> flags = {},
        const std::vector<std::string>& more_peers = {}
    );

    /// How long those that are started from now on wait for each other: as a rule longer than any
    /// noise of the machine.
    void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }

    BookstoreProcess& at(std::size_t place) { return *running_[place]; }
    std::string url(std::size_t place) const;
    const std::string& data_dir(std::size_t place) const { return directories_[place]->path(); }
    std::uint16_t port(std::size_t place) const { return ports_[place]; }

    /// For those that are started from now on.
    void add_flags(const std::vector<std::string>& flags) {
        flags_.insert(flags_.end(), flags.begin(), flags.end());
    }
    /// Starts it, on its port and directory; it must not run.
    void start(std::size_t place);
    /// SIGTERM, and waits for its end.
    void stop(std::size_t place);
    /// Returns when it does nothing any more.
    void freeze(std::size_t place) { test::freeze(at(place).pid()); }
    void thaw(std::size_t place) { at(place).signal(SIGCONT); }

    Answer get(
        std::size_t place, const std::string& target, std::vector<http::Header> headers = {}
    );
    Answer post(
        std::size_t place,
        const std::string& target,
        const std::string& json = {},
        std::vector<http::Header> headers = {}
    );

  private:
    std::vector<std::string> modules_;
    std::vector<std::string> flags_;
    std::chrono::milliseconds patience_{30'000};
    std::vector<std::uint16_t> ports_;
    std::string peers_;
    std::vector<std::unique_ptr<TemporaryDirectory>> directories_;
    std::vector<std::unique_ptr<BookstoreProcess>> running_;
};

/// What that URL answers.
Answer ask(
    Method method,
    const std::string& url,
    const std::string& json = {},
    std::vector<http::Header> headers = {}
);

}  // namespace bookstore::test
