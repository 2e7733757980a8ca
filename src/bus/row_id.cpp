#include "bus/row_id.hpp"

#include <fmt/format.h>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace bookstore::bus {
namespace {

std::string hash_of(std::string_view text) {
    static const boost::uuids::name_generator_sha1 hash(boost::uuids::ns::oid());
    return boost::uuids::to_string(hash(text.data(), text.size()));
}

}  // namespace

std::string row_id(const Envelope& event) {
    // Lengths first, so that no two rows give the same text.
    return hash_of(fmt::format(
        "{} {} {} {} {} {} {}{}{}{}{}",
        event.source_position,
        event.time_ms,
        event.source.size(),
        event.key.size(),
        event.type.size(),
        event.trace.size(),
        event.source,
        event.key,
        event.type,
        event.trace,
        event.payload
    ));
}

std::string chained(std::string_view hash, std::string_view id) {
    return hash_of(fmt::format("{} {}", hash, id));
}

}  // namespace bookstore::bus
