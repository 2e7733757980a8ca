#include "backup/backup.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>

#include "backup/backup_target.hpp"
#include "storage/copy.hpp"
#include "storage/wal_stamp.hpp"

namespace bookstore::backup {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

/// A writer that has not come by then hangs: the others go on without a backup.
constexpr std::chrono::seconds longest_standstill{5};
constexpr auto longest_pause = std::chrono::milliseconds(50);  ///< after a chunk

const storage::Sql select_any{"*", "SELECT count(*) FROM sqlite_schema WHERE rowid = 0"};
const storage::Sql select_end{"topic", "SELECT coalesce(max(position), 0) FROM event"};

/// Where the writers stand until all have come and the snapshots are open. One whose job cannot be
/// run, or that comes late, keeps nobody waiting.
class Standstill {
  public:
    explicit Standstill(std::size_t writers) : missing_(writers) {}

    /// A writer's thread, inside the writer's transaction, before anything of it was committed.
    void stand() {
        std::unique_lock lock(mutex_);
        --missing_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return over_; });
    }
    /// A writer's job was not run.
    void fail() {
        const std::scoped_lock lock(mutex_);
        failed_ = true;
        changed_.notify_all();
    }
    /// Waits for all; false when one failed or did not come in time, or `stopping`.
    bool wait(const std::atomic<bool>& stopping) {
        const auto deadline = steady_clock::now() + longest_standstill;
        std::unique_lock lock(mutex_);
        while (missing_ > 0 && !failed_ && !stopping && steady_clock::now() < deadline) {
            changed_.wait_for(lock, std::chrono::milliseconds(20));
        }
        return missing_ == 0;
    }
    void release() {
        const std::scoped_lock lock(mutex_);
        over_ = true;
        changed_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t missing_;  ///< guarded by mutex_, as all of these
    bool failed_ = false;
    bool over_ = false;
};

/// One file, read through a connection that holds a snapshot from open() on.
class Source {
  public:
    Source(std::string file_name, std::function<storage::Reader()> read)
        : name_(std::move(file_name)), read_(std::move(read)) {}
    /// A file that nobody writes.
    Source(std::string file_name, const std::string& path) : name_(std::move(file_name)) {
        storage::require_own_wal(path);
        own_ = std::make_unique<storage::Connection>(path, storage::Connection::Mode::read_only);
    }

    const std::string& name() const { return name_; }
    /// Once it is open.
    storage::Connection& db() const { return own_ ? *own_ : **reader_; }
    /// Before it is open.
    std::int64_t bytes() const {
        const auto size_of = [](storage::Connection& db) {
            return db.query_integer("PRAGMA page_count") * db.query_integer("PRAGMA page_size");
        };
        return own_ ? size_of(*own_) : size_of(*read_());
    }
    /// A snapshot is what its first statement sees.
    void open() {
        if (own_) {
            own_->execute("BEGIN");
        } else {
            reader_.reset(new storage::Reader(read_()));
        }
        db().prepare(select_any).run();
    }

  private:
    std::string name_;
    std::function<storage::Reader()> read_;
    std::unique_ptr<storage::Connection> own_;
    std::unique_ptr<storage::Reader> reader_;
};

constexpr auto topic_file = "topic.db";

/// Of the files of a directory those that no system has open.
void add_unopened(
    std::deque<Source>& sources, const std::string& data_dir, const std::vector<std::string>& files
) {
    for (const std::string& name : files) {
        const bool known = std::ranges::find(sources, name, &Source::name) != sources.end();
        if (const std::string path = data_dir + "/" + name; !known && fs::exists(path)) {
            sources.emplace_back(name, path);
        }
    }
}

std::int64_t bytes_of(const std::deque<Source>& sources) {
    std::int64_t bytes = 0;
    for (const Source& source : sources) {
        bytes += source.bytes();
    }
    return bytes;
}

/// Opens a snapshot of every file while all writers stand. Returns for how long they stood, in us.
std::int64_t open_together(
    host::System& system, std::deque<Source>& sources, const std::atomic<bool>& stopping
) {
    using Submit = std::function<void(storage::Job)>;
    std::vector<Submit> writers{[&](storage::Job job) { system.topic().submit(std::move(job)); }};
    for (const auto& module : system.modules()) {
        writers.emplace_back([&](storage::Job job) { module->submit(std::move(job)); });
    }
    const auto standstill = std::make_shared<Standstill>(writers.size());
    const auto began = steady_clock::now();
    for (const Submit& submit : writers) {
        submit({
            .durable = false,
            .run =
                [standstill](storage::Connection&) {
                    standstill->stand();
                    return true;
                },
            .done =
                [standstill](const storage::Outcome& outcome) {
                    if (outcome.kind != storage::Outcome::Kind::committed) {
                        standstill->fail();
                    }
                },
        });
    }
    system.ring_relay();
    const bool all = standstill->wait(stopping);
    try {
        for (Source& source : sources) {
            if (all) {
                source.open();
            }
        }
    } catch (...) {
        standstill->release();
        throw;
    }
    standstill->release();
    if (!all) {
        throw NoBackup(
            503, "a context hangs, or its storage refuses writes: /actuator/health says which"
        );
    }
    return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began)
        .count();
}

/// Copies every file from its snapshot, each of which is let go of behind its copy.
void copy_all(
    std::deque<Source>& sources,
    const BackupTarget& target,
    Backup& backup,
    const std::function<bool()>& go_on
) {
    while (!sources.empty()) {
        const Source& source = sources.front();
        const auto bytes =
            storage::copy_database(source.db(), target.path_of(source.name()), go_on);
        if (!bytes) {
            throw NoBackup(503, "the process is ending: there is no backup");
        }
        backup.files.push_back({source.name(), *bytes});
        backup.bytes += *bytes;
        sources.pop_front();
    }
    std::ranges::sort(backup.files, {}, &Backup::File::name);
}

std::int64_t ms_since(steady_clock::time_point began) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - began)
        .count();
}

/// After each chunk others get as long as it took.
class Paced {
  public:
    explicit Paced(const std::atomic<bool>& stopping) : stopping_(stopping) {}

    bool operator()() {
        const auto took = steady_clock::now() - began_;
        std::this_thread::sleep_for(std::min<steady_clock::duration>(took, longest_pause));
        began_ = steady_clock::now();
        return !stopping_;
    }

  private:
    const std::atomic<bool>& stopping_;
    steady_clock::time_point began_ = steady_clock::now();
};

NoBackup no_backup(const storage::Error& error) {
    if (error.full()) {
        return {507, "the disk of the backup is full"};
    }
    if (error.corrupt()) {
        return {500, "a file of the data directory is damaged; stop, and ask bookstore check"};
    }
    return {500, "the backup failed; the log says why"};
}

}  // namespace

Backups::Backups(host::System& system, std::string data_dir, const Clock& clock)
    : system_(system), data_dir_(std::move(data_dir)), clock_(clock) {}

bool Backups::begin(const std::string& directory, std::function<void(Result)> done) {
    const std::scoped_lock lock(mutex_);
    if (under_way_ || stopping_) {
        return false;
    }
    if (thread_.joinable()) {
        thread_.join();  // it has told its `done`, and ends
    }
    under_way_ = true;
    thread_ = std::thread([this, directory, done = std::move(done)] {
        Result result = take(directory);
        {
            const std::scoped_lock ended(mutex_);
            under_way_ = false;
        }
        done(std::move(result));
    });
    return true;
}

void Backups::stop() {
    stopping_ = true;
    std::thread last;
    {
        const std::scoped_lock lock(mutex_);
        last = std::move(thread_);
    }
    if (last.joinable()) {
        last.join();
    }
}

Backups::Result Backups::take(const std::string& directory) {
    const auto began = steady_clock::now();
    try {
        std::deque<Source> sources;
        sources.emplace_back(topic_file, [this] { return system_.topic().reader(); });
        for (const auto& module : system_.modules()) {
            sources.emplace_back(module->name() + ".db", [&module] { return module->read(); });
        }
        const auto files = host::file_names(system_.contexts());
        add_unopened(sources, data_dir_, files);
        BackupTarget target(directory, data_dir_, files, bytes_of(sources));
        Backup backup;
        backup.directory = target.directory().string();
        backup.writers_stood_us = open_together(system_, sources, stopping_);
        backup.taken_at_ms = clock_.now_ms();
        {
            auto row = sources.front().db().prepare(select_end);
            backup.topic_position = row.step() ? row.integer(0) : 0;
        }
        copy_all(sources, target, backup, Paced(stopping_));
        target.complete();
        backup.took_ms = ms_since(began);
        spdlog::info(
            "backup to {}: {} bytes up to event {}, {} ms; the writers stood for {} us",
            backup.directory,
            backup.bytes,
            backup.topic_position,
            backup.took_ms,
            backup.writers_stood_us
        );
        return backup;
    } catch (const NoBackup& why) {
        spdlog::warn("no backup to {}: {}", directory, why.what());
        return why;
    } catch (const storage::Error& error) {
        spdlog::error("no backup to {}: {}", directory, error.what());
        return no_backup(error);
    } catch (const std::exception& error) {
        spdlog::error("no backup to {}: {}", directory, error.what());
        return NoBackup(500, "the backup failed; the log says why");
    }
}

Backup back_up_directory(
    const std::string& data_dir, const std::string& directory, const std::vector<std::string>& files
) {
    const auto began = steady_clock::now();
    try {
        std::deque<Source> sources;
        sources.emplace_back(topic_file, data_dir + "/" + topic_file);
        add_unopened(sources, data_dir, files);
        BackupTarget target(directory, data_dir, files, bytes_of(sources));
        Backup backup;
        backup.directory = target.directory().string();
        backup.taken_at_ms = SystemClock().now_ms();
        for (Source& source : sources) {
            source.open();
        }
        backup.topic_position =
            sources.front().db().query_integer("SELECT max(position) FROM event");
        copy_all(sources, target, backup, [] { return true; });
        target.complete();
        backup.took_ms = ms_since(began);
        return backup;
    } catch (const storage::Error& error) {
        if (error.full()) {
            throw NoBackup(507, "the disk of the backup is full");
        }
        throw NoBackup(500, error.what());
    }
}

}  // namespace bookstore::backup
