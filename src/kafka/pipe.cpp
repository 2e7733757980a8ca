#include "kafka/pipe.hpp"

#include <utility>

#include "kafka/consumer.hpp"
#include "kafka/figures.hpp"
#include "kafka/producer.hpp"

namespace bookstore::kafka {

class Pipe::Parts {
  public:
    Parts(
        const Settings& settings,
        const std::string& process,
        std::function<void()> ring,
        const Clock& clock
    )
        : settings_(settings),
          ring_(std::move(ring)),
          figures(clock),
          consumer(settings_, process, ring_, figures, clock),
          producer(settings_, ring_, figures) {}

  private:
    const Settings settings_;
    const std::function<void()> ring_;

  public:
    Figures figures;
    Consumer consumer;
    Producer producer;
};

Pipe::Pipe(
    const Settings& settings,
    const std::string& process,
    std::function<void()> ring,
    const Clock& clock
)
    : parts_(std::make_unique<Parts>(settings, process, std::move(ring), clock)) {}

Pipe::~Pipe() = default;

void Pipe::read_from(std::int64_t offset) {
    parts_->consumer.read_from(offset);
}

std::vector<bus::PipeEvent> Pipe::read(std::size_t most) {
    parts_->producer.serve();
    return parts_->consumer.read(most);
}

void Pipe::note_read(std::int64_t offset) {
    parts_->consumer.note_read(offset);
}

void Pipe::send(bus::Record record) {
    parts_->producer.send(std::move(record));
}

std::optional<std::string> Pipe::sending_failed() {
    return parts_->producer.failed();
}

void Pipe::restart_sending() {
    parts_->producer.restart();
}

Stats Pipe::stats() const {
    return parts_->figures.get();
}

}  // namespace bookstore::kafka
