#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/key.hpp"
#include "bus/event.hpp"
#include "kernel/story.hpp"
#include "observe/trace_timeline.hpp"

namespace bookstore::observe {

// Between two positions there is room for what goes with an event.
constexpr std::int64_t ranks = 10;
constexpr std::int64_t request_rank = 0;
constexpr std::int64_t task_rank = 1;
constexpr std::int64_t event_rank = 3;
constexpr std::int64_t handler_rank = 5;
constexpr std::int64_t later_task_rank = 7;

/// What is known of a request without anybody having seen it: what it wrote, and when.
struct WrittenRequest {
    std::int64_t time_ms = 0;
    std::string trace;
    std::string context;
    std::string known_from;  ///< if nobody saw it
    std::int64_t rank = 0;
    kernel::StoryRequest request;
};

/// Makes the timeline of one order; once.
class Collector {
  public:
    Collector(host::System& system, const TraceRequests& requests, std::int64_t order_id)
        : system_(system), requests_(requests), key_{"order", order_id} {
        timeline_.order_id = order_id;
    }

    std::optional<Timeline> collect();
    /// What one process of several has of it.
    Timeline collect_part();

  private:
    void read_parts();
    void add_all();
    void add_untold(const std::string& context, const kernel::StoryPart& part);
    void add_event(const bus::Envelope& event);
    void add_request_of(std::size_t place);
    void add_request(const WrittenRequest& request);
    void add_handlers(const bus::Envelope& event);
    void add_handler(
        kernel::HostedModule& module, const bus::Subscription& handler, const bus::Envelope& event
    );
    void add_retries(
        const kernel::HostedModule& module,
        const bus::Subscription& handler,
        const bus::Envelope& event
    );
    void add_tasks();
    void add_task(
        const kernel::HostedModule& module, const std::string& task, const bus::TaskTime& time
    );
    void add_waits();
    void add_held(kernel::HostedModule& module);
    bool reaches_back_to_its_first_event() const;
    void say_what_is_missing();

    host::System& system_;
    const TraceRequests& requests_;
    const Key key_;
    bool is_part_ = false;
    Timeline timeline_;
    std::map<std::string, kernel::StoryPart> parts_;  ///< by context
    std::vector<bus::Envelope> events_;
    std::string first_trace_;  ///< of the request that began it
    int unseen_requests_ = 0;
    int untimed_relays_ = 0;
    int untimed_handlers_ = 0;
};

}  // namespace bookstore::observe
