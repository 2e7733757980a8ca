#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bus/pipe.hpp"
#include "host/system.hpp"

namespace bookstore::host {

/// Carries the log of the processes with these directories to an empty topic: that of the only
/// directory, which was a log of its own, or the longest of several mirrors, of which each must be
/// a prefix. Positions, cursors and what was handled stay; the files become that topic's shop.
///
/// The directories are at rest, and held by the caller. What fails leaves them as they were, and
/// the topic with a part of the log: then another topic is needed.
class Republish {
  public:
    /// Reads and compares the logs, once what was published is in them. Throws storage::Refused
    /// when they do not fit together.
    Republish(std::vector<std::string> directories, const Contexts& contexts, const Clock& clock);

    /// Events that are to be carried.
    std::int64_t length() const { return source_.length; }
    /// The directory whose log it is.
    const std::string& source() const { return source_.directory; }

    /// Sends them, and reads them back; `progress` is told how many have come. Throws
    /// storage::Refused when something else comes back.
    void send(bus::Pipe& pipe, const std::function<void(std::int64_t)>& progress = {});
    /// The logs are mirrors of that topic from now on. After send().
    void settle(const std::string& topic);

  private:
    struct Log {
        std::string directory;
        std::int64_t length = 0;
        bool is_mirror = false;
        std::vector<std::string> contexts{};  ///< that have a file there
    };
    /// What is to be known of the event at a position: where a log ends, or a cursor stands.
    struct Place {
        std::string id{};
        std::string hash{};            ///< of the log up to there
        std::int64_t appended_ms = 0;  ///< as its record came back
    };

    Log bring_up_to_date(const std::string& directory, const Contexts& contexts);
    void require_prefix(const Log& log) const;
    void settle_context(const Log& log, const std::string& name, const std::string& topic);
    void settle_topic(const Log& log, const std::string& topic);

    const Clock& clock_;
    std::vector<Log> logs_;
    Log source_;
    std::map<std::int64_t, Place> places_;  ///< by position
};

}  // namespace bookstore::host
