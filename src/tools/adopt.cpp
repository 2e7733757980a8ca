#include "tools/adopt.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "app/partition.hpp"
#include "base/clock.hpp"
#include "host/adoption.hpp"
#include "observe/logs.hpp"
#include "storage/copy.hpp"
#include "storage/error.hpp"
#include "tools/offline_directory.hpp"

namespace bookstore::tools {
namespace {

namespace fs = std::filesystem;

constexpr auto patience = std::chrono::seconds(30);

/// A directory inside of the data directory, with a copy of one context's file, and the topic that
/// stands outside: reading on harms nobody. It goes with this.
class Workplace {
  public:
    Workplace(const std::string& directory, const std::string& context)
        : path_(directory + "/adopting") {
        fs::remove_all(path_);  // of one that was killed
        fs::create_directory(path_);
        fs::create_symlink("../topic.db", path_ + "/topic.db");
        storage::Connection file(
            fmt::format("{}/{}.db", directory, context), storage::Connection::Mode::read_only
        );
        storage::copy_database(file, copy_of(context), [] { return true; });
    }
    ~Workplace() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Workplace(const Workplace&) = delete;
    Workplace& operator=(const Workplace&) = delete;

    const std::string& path() const { return path_; }
    std::string copy_of(const std::string& context) const {
        return fmt::format("{}/{}.db", path_, context);
    }

  private:
    std::string path_;
};

void sync_directory(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && ::fsync(fd) == 0;
    const int error = errno;
    ::close(fd);
    if (!synced) {
        throw std::system_error(error, std::generic_category(), directory);
    }
}

/// The adopted copy takes the place of the file, at once and for good; returns where that is kept.
std::string put_in_place(
    const std::string& directory, const std::string& context, const std::string& adopted
) {
    const std::string file = fmt::format("{}/{}.db", directory, context);
    {
        // Its WAL must not be found beside another file.
        storage::Connection whole(file, storage::Connection::Mode::read_write);
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::string kept;
    for (int nth = 1; kept.empty() || fs::exists(kept); ++nth) {
        kept = fmt::format("{}.before-adoption-{}", file, nth);
    }
    fs::create_hard_link(file, kept);
    fs::rename(adopted, file);
    sync_directory(directory);
    return kept;
}

/// The context that has a file there, or that of several that was named.
std::string context_there(
    const std::string& directory, const std::string& context, const host::Contexts& contexts
) {
    std::vector<std::string> names;
    for (const kernel::Context& each : contexts) {
        const bool wanted = context.empty() || context == each.name;
        if (wanted && fs::exists(fmt::format("{}/{}.db", directory, each.name))) {
            names.push_back(each.name);
        }
    }
    if (names.empty()) {
        throw std::runtime_error(
            context.empty() ? directory + " has the file of no context"
                            : fmt::format("{} has no {}.db", directory, context)
        );
    }
    if (names.size() > 1) {
        throw std::runtime_error(fmt::format(
            "{} has the files of several contexts: say with --context which of {} was restored",
            directory,
            fmt::join(names, ", ")
        ));
    }
    return names.front();
}

void print(const std::string& context, const host::Adopted& adopted, const std::string& kept) {
    fmt::print(
        "{}.db lacked {} of its events that the topic has:\n", context, adopted.lacked.size()
    );
    for (const host::Adopted::Event& each : adopted.lacked) {
        fmt::print(
            "{:>10}  {}  {:<22} {:<14} {}\n",
            each.event.position,
            iso_milliseconds(each.event.time_ms),
            each.event.type,
            each.event.key,
            each.why_not.empty() ? "taken back" : "NOT taken back: " + each.why_not
        );
    }
    fmt::print(
        "the log was handled anew up to {}; its policies published {} events that the topic had "
        "already, and {} that go on behind it\n",
        adopted.handled_to,
        adopted.known,
        adopted.unsent.size()
    );
    if (adopted.held > 0) {
        fmt::print(
            "{} events could not be handled and are held: bookstore parked shows them\n",
            adopted.held
        );
    }
    fmt::print(
        "to be repaired by hand is what no event tells: names, changes of a customer or a book, "
        "orders that were never verified, answers that were kept for idempotency keys (a client "
        "that repeats such a request has it done again). docs/operations.md, Adopt, says how.\n"
        "the file as it was: {}\n",
        kept
    );
}

}  // namespace

int adopt(
    const kafka::Settings& settings,
    const std::string& directory,
    const std::string& context,
    const host::Contexts& contexts
) {
    const OfflineDirectory held(directory);
    observe::set_up_log(observe::LogFormat::text, "critical");  // what fails is thrown
    const std::string name = context_there(directory, context, contexts);
    const Workplace workplace(directory, name);
    const SystemClock clock;
    host::Adopted adopted;
    {
        host::Adoption adoption(
            workplace.path(), name, contexts, clock, app::partition_of(settings, "adopt", clock)
        );
        adopted = adoption.run(patience);
    }
    const std::string kept = put_in_place(directory, name, workplace.copy_of(name));
    print(name, adopted, kept);
    return 0;
}

}  // namespace bookstore::tools
