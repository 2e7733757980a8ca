#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "http/message.hpp"
#include "kernel/story.hpp"

namespace bookstore::observe {

/// The requests that write: gives each a trace, tells it to the client (traceresponse), and keeps
/// when the last so many came and were answered, in memory, for the timeline of an order.
class TraceRequests {
  public:
    TraceRequests(const Clock& clock, Random& random);

    /// A request that writes and brought no trace gets a new one. Before it is dispatched.
    void arrived(http::Request& request);
    /// Has the last word on its answer.
    void answered(const http::Request& request, http::Response& response);

    using Seen = kernel::SeenRequest;
    /// Those of that trace that succeeded, oldest first. Any thread.
    std::vector<Seen> of_trace(std::string_view trace) const;
    /// When this process began to keep them.
    std::int64_t started_ms() const { return started_ms_; }

  private:
    static constexpr std::size_t most = 32'768;

    const Clock& clock_;
    Random& random_;
    const std::int64_t started_ms_;
    mutable std::mutex mutex_;
    std::vector<Seen> seen_;  ///< a ring once it is full; guarded by mutex_, as the rest
    std::size_t next_ = 0;
};

}  // namespace bookstore::observe
