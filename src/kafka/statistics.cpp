#include "kafka/statistics.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace bookstore::kafka {
namespace {

namespace bj = boost::json;

/// The object of that name; an empty one when there is none.
const bj::object& object_in(const bj::object& object, std::string_view name) {
    static const bj::object none;
    const bj::value* const found = object.if_contains(name);
    return found != nullptr && found->is_object() ? found->get_object() : none;
}

std::int64_t number_in(const bj::object& object, std::string_view name, std::int64_t otherwise) {
    const bj::value* const found = object.if_contains(name);
    return found != nullptr && found->is_int64() ? found->get_int64() : otherwise;
}

std::string_view word_in(const bj::object& object, std::string_view name) {
    const bj::value* const found = object.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

/// Not a connection to whoever coordinates the group just now, nor the client to itself.
bool is_real(const bj::object& broker) {
    const std::string_view source = word_in(broker, "source");
    return source != "logical" && source != "internal";
}

std::optional<std::int64_t> leader_in(const bj::object& root, std::string_view topic) {
    const auto& partitions = object_in(object_in(object_in(root, "topics"), topic), "partitions");
    const std::int64_t leader = number_in(object_in(partitions, "0"), "leader", -1);
    return leader < 0 ? std::nullopt : std::optional(leader);
}

}  // namespace

std::optional<Statistics> parse_statistics(std::string_view text, std::string_view topic) {
    boost::system::error_code error;
    const bj::value document = bj::parse(text, error);
    if (error || !document.is_object()) {
        return std::nullopt;
    }
    const bj::object& root = document.get_object();
    Statistics statistics{.leader = leader_in(root, topic)};
    for (const auto& [name, value] : object_in(root, "brokers")) {
        if (!value.is_object()) {
            continue;
        }
        const bj::object& broker = value.get_object();
        statistics.disconnects += number_in(broker, "disconnects", 0);
        const std::int64_t id = is_real(broker) ? number_in(broker, "nodeid", -1) : -1;
        if (id < 0 || id != statistics.leader.value_or(id)) {
            continue;
        }
        statistics.up |= word_in(broker, "state") == "UP";
        const std::int64_t average_us = number_in(object_in(broker, "rtt"), "avg", 0);
        statistics.round_trip_us = std::max(statistics.round_trip_us, average_us);
    }
    return statistics;
}

}  // namespace bookstore::kafka
