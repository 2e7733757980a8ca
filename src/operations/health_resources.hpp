#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/breaker.hpp"
#include "base/json.hpp"
#include "bus/backlog.hpp"

// The process and its parts as /actuator/health shows them.

namespace bookstore::operations {

struct CallCounts {
    static constexpr std::string_view schema_name = "BreakerCalls";
    std::int64_t succeeded = 0;
    std::int64_t failed = 0;
    std::int64_t refused = 0;
};
BOOST_DESCRIBE_STRUCT(CallCounts, (), (succeeded, failed, refused))

struct TransitionResource {
    static constexpr std::string_view schema_name = "BreakerTransition";
    Breaker::State from{};
    Breaker::State to{};
    json::Timestamp at;
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(TransitionResource, (), (from, to, at, reason))

/// A circuit breaker; an open one is no illness.
struct BreakerResource {
    static constexpr std::string_view schema_name = "Breaker";
    Breaker::State state{};
    json::Timestamp since;
    std::int64_t opened = 0;
    CallCounts calls;
    std::optional<TransitionResource> last_transition;
};
BOOST_DESCRIBE_STRUCT(BreakerResource, (), (state, since, opened, calls, last_transition))

enum class ComponentStatus { up, down, stopped, unreachable };
constexpr std::array<std::string_view, 4> words_of(ComponentStatus) {
    return {"UP", "DOWN", "STOPPED", "UNREACHABLE"};
}

/// Events that wait: in a context's outbox for the relay, or in the log for a subscription.
struct BacklogResource {
    static constexpr std::string_view schema_name = "Backlog";
    bus::BacklogState state{};
    std::int64_t events = 0;
};
BOOST_DESCRIBE_STRUCT(BacklogResource, (), (state, events))

struct ComponentDetails {
    static constexpr std::string_view schema_name = "ComponentDetails";
    json::Omittable<std::string> reason;                     ///< why it is not UP
    json::Omittable<json::Named<BacklogResource>> backlogs;  ///< where events wait
    json::Omittable<json::Named<BreakerResource>> circuit_breakers;
};
BOOST_DESCRIBE_STRUCT(ComponentDetails, (), (reason, backlogs, circuit_breakers))

/// A context, the relay, or the brokers of its partition.
struct ComponentResource {
    static constexpr std::string_view schema_name = "ComponentHealth";
    ComponentStatus status = ComponentStatus::up;
    json::Omittable<ComponentDetails> details;
};
BOOST_DESCRIBE_STRUCT(ComponentResource, (), (status, details))

enum class ProcessStatus { up, down };
constexpr std::array<std::string_view, 2> words_of(ProcessStatus) {
    return {"UP", "DOWN"};
}

struct ProcessDetails {
    static constexpr std::string_view schema_name = "HealthDetails";
    json::Omittable<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(ProcessDetails, (), (reason))

/// All of it.
struct HealthResource {
    static constexpr std::string_view schema_name = "Health";
    ProcessStatus status = ProcessStatus::up;
    json::Omittable<ProcessDetails> details;
    json::Named<ComponentResource> components;
};
BOOST_DESCRIBE_STRUCT(HealthResource, (), (status, details, components))

/// What a probe needs of it.
struct HealthProbe {
    static constexpr std::string_view schema_name = "HealthProbe";
    ProcessStatus status = ProcessStatus::up;
};
BOOST_DESCRIBE_STRUCT(HealthProbe, (), (status))

}  // namespace bookstore::operations
