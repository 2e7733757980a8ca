#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "kafka/settings.hpp"

// What is asked of the brokers beside the pipe: by the command line, and once at the start. Each
// call has a client of its own, and waits, at most about `limit_ms`. What the brokers refuse is
// thrown as std::runtime_error, and Unreachable when they do not answer.

namespace bookstore::kafka {

/// The brokers cannot be asked now; asking again later may do.
class Unreachable : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Makes the topic as the bookstore needs it: one partition, in which nothing is ever removed or
/// dated by anybody but the broker. Of three replicas or more, two must have a record before it
/// counts. Returns when it is there.
void create_topic(const Settings& settings, int replicas, int limit_ms);

bool exists(const Settings& settings, int limit_ms);

/// What is wrong with a topic, and what mends it.
struct TopicFault {
    std::string what;     ///< "the topic cnabookstore has 3 partitions"
    std::string command;  ///< a command line
};

/// What must be mended before the bookstore may use the topic. Creates nothing, also where brokers
/// create topics by themselves.
std::vector<TopicFault> verify_topic(const Settings& settings, int limit_ms);

struct EndOffsets {
    std::int64_t begin = 0;  ///< of the first record that is there
    std::int64_t end = 0;    ///< that the next record will have
};

EndOffsets end_offsets(const Settings& settings, int limit_ms);

/// Nothing was ever written to it.
bool is_empty(const Settings& settings, int limit_ms);

}  // namespace bookstore::kafka
