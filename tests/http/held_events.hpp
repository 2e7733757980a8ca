#pragma once

#include "story.hpp"

namespace bookstore::test {

/// Starts it with an event that no handler can read at position 1 of a log that was empty, and
/// another of the same key behind it: payment-history-1 is parked, payment-history-2 waits for it
/// (and so do my-page-1 and -2). The story must have published nothing.
void given_held_events(Story& story, std::vector<std::string> flags = {});

}  // namespace bookstore::test
