#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "story.hpp"

namespace bookstore::test {

/// "directory" as the body of POST /backups.
std::string backup_body(const std::string& directory);

/// The files of a directory, with what they hold; without the index of a WAL, which SQLite makes
/// anew whenever it is needed.
std::map<std::string, std::string> files_in(const std::string& directory);

Finished check_of(const std::string& data_dir, std::vector<std::string> more = {});

/// Customers who order, cancel, and get books put in stock, until they are told to stop.
class Crowd {
  public:
    explicit Crowd(const std::string& url);
    ~Crowd() { stop(); }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    /// The orders that were answered 201, the orders that were canceled (204), so far.
    struct Acknowledged {
        std::set<std::int64_t> orders;
        std::set<std::int64_t> canceled;
    };
    Acknowledged acknowledged();
    /// Waits until there are so many more orders; false when they did not come.
    bool orders(std::size_t more);
    void stop();

  private:
    void run(int number);

    http::Url url_;
    std::mutex mutex_;
    Acknowledged acknowledged_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

/// Customers 1 and 2, book 1 with many and book 2 with none.
void given_shop(Story& story);

/// Makes a stopped bookstore's directory so large that a backup of it takes its time.
void given_weight(const std::string& data_dir, int megabytes);

}  // namespace bookstore::test
