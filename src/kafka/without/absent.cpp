#include <stdexcept>

#include "kafka/pipe.hpp"
#include "kafka/settings.hpp"
#include "kafka/topic_admin.hpp"

// In the place of all that needs librdkafka, where CMake finds none.

namespace bookstore::kafka {
namespace {

[[noreturn]] void refuse() {
    throw std::runtime_error("this bookstore was built without librdkafka");
}

}  // namespace

std::optional<std::string> setting_fault(const Setting&) {
    refuse();
}

class Pipe::Parts {};

Pipe::Pipe(const Settings&, const std::string&, std::function<void()>, const Clock&) {
    refuse();
}

Pipe::~Pipe() = default;

void Pipe::read_from(std::int64_t) {
    refuse();
}

std::vector<bus::PipeEvent> Pipe::read(std::size_t) {
    refuse();
}

void Pipe::note_read(std::int64_t) {
    refuse();
}

void Pipe::send(bus::Record) {
    refuse();
}

std::optional<std::string> Pipe::sending_failed() {
    refuse();
}

void Pipe::restart_sending() {
    refuse();
}

Stats Pipe::stats() const {
    refuse();
}

void create_topic(const Settings&, int, int) {
    refuse();
}

std::vector<TopicFault> verify_topic(const Settings&, int) {
    refuse();
}

bool exists(const Settings&, int) {
    refuse();
}

EndOffsets end_offsets(const Settings&, int) {
    refuse();
}

bool is_empty(const Settings&, int) {
    refuse();
}

}  // namespace bookstore::kafka
