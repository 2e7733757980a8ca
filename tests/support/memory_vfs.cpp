#include "support/memory_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

constexpr std::int64_t sector = 512;

struct Handle;

/// A write or truncation that no sync has covered yet. A write's bytes are in the file's arena.
struct Change {
    bool truncate;
    std::int64_t offset;  ///< of a truncation: the new size
    std::int64_t size;
    std::size_t bytes;  ///< where they begin in the arena
};

/// A part of a file that is read as rubbish.
struct Damage {
    std::string file;
    std::int64_t offset;
    std::int64_t size;
};
/// No page of SQLite's begins with it.
constexpr char rubbish = '\x5a';

struct Counters {
    int syncs = 0;
    int writes = 0;
};

/// The -shm file's part of a database: the wal-index, and its locks.
struct SharedMemory {
    std::vector<std::unique_ptr<char[]>> regions;
    std::array<int, SQLITE_SHM_NLOCK> shared{};
    std::array<const Handle*, SQLITE_SHM_NLOCK> exclusive{};
    int users = 0;
};

struct File {
    std::string name;
    std::string content;  ///< as it is read
    std::string durable;  ///< as it is on disk
    std::vector<Change> unsynced;
    std::string arena;
    bool listed = false;  ///< its directory entry is on disk
    Counters* counters = nullptr;

    int shared = 0;  ///< connections with at least a shared lock
    const Handle* reserved = nullptr;
    const Handle* pending = nullptr;
    const Handle* exclusive = nullptr;
    std::shared_ptr<SharedMemory> memory;
};

struct Handle : sqlite3_file {
    MemoryVfs::Impl* vfs = nullptr;
    std::shared_ptr<File> file;
    std::shared_ptr<SharedMemory> memory;
    std::uint64_t epoch = 0;
    int level = SQLITE_LOCK_NONE;
    unsigned shared_slots = 0;
    unsigned exclusive_slots = 0;
    bool read_only = false;
    bool syncs_directory = false;  ///< a journal or a WAL
    bool delete_on_close = false;
};

void write_at(std::string& content, std::int64_t offset, const char* bytes, std::int64_t size) {
    const auto end = static_cast<std::size_t>(offset + size);
    if (content.size() < end) {
        content.resize(end);
    }
    std::memcpy(content.data() + offset, bytes, static_cast<std::size_t>(size));
}

void apply(std::string& content, const Change& change, const std::string& arena) {
    if (change.truncate) {
        content.resize(static_cast<std::size_t>(change.offset));
    } else {
        write_at(content, change.offset, arena.data() + change.bytes, change.size);
    }
}

/// Every sector of the write survives or not.
void apply_torn(
    std::string& content, const Change& change, const std::string& arena, SeededRandom& random
) {
    if (change.truncate) {
        return;
    }
    for (std::int64_t done = 0; done < change.size;) {
        const std::int64_t at = change.offset + done;
        const std::int64_t size = std::min(sector - at % sector, change.size - done);
        if (random.one_in(2)) {
            const auto from = change.bytes + static_cast<std::size_t>(done);
            write_at(content, at, arena.data() + from, size);
        }
        done += size;
    }
}

/// What is on disk after the power went while the file's changes were being written.
std::string survived(const File& file, SeededRandom& random) {
    std::string content = file.durable;
    const auto count = static_cast<std::int64_t>(file.unsynced.size());
    switch (random.below(4)) {
        case 0:
            return content;
        case 1:
            return file.content;
        case 2: {  // in order, up to somewhere
            const std::int64_t end = random.below(count + 1);
            for (std::int64_t i = 0; i < end; ++i) {
                apply(content, file.unsynced[static_cast<std::size_t>(i)], file.arena);
            }
            if (end < count) {
                apply_torn(
                    content, file.unsynced[static_cast<std::size_t>(end)], file.arena, random
                );
            }
            return content;
        }
        default:
            for (const Change& change : file.unsynced) {
                const std::int64_t fate = random.below(8);
                if (fate == 0) {
                    apply_torn(content, change, file.arena, random);
                } else if (fate < 5) {
                    apply(content, change, file.arena);
                }
            }
            return content;
    }
}

}  // namespace

class MemoryVfs::Impl {
  public:
    explicit Impl(std::uint64_t seed);
    ~Impl();

    int open(const char* path, Handle& handle, int flags);
    void close(Handle& handle);
    int remove(const char* path);
    bool exists(std::string_view path) const;

    int read(const Handle& handle, void* into, std::int64_t size, std::int64_t offset);
    int write(const Handle& handle, const void* from, std::int64_t size, std::int64_t offset);
    int truncate(const Handle& handle, std::int64_t size);
    int sync(const Handle& handle);
    int size(const Handle& handle, sqlite3_int64* size) const;

    int lock(Handle& handle, int level);
    int unlock(Handle& handle, int level);
    int check_reserved(const Handle& handle, int* reserved) const;
    int map_memory(Handle& handle, int region, int size, bool extend, void volatile** address);
    int lock_memory(Handle& handle, unsigned slots, bool exclusive);
    int unlock_memory(Handle& handle, unsigned slots);
    void unmap_memory(Handle& handle);

    void crash(Crash kind);
    void lose_power(bool torn);

    std::string name_;
    sqlite3_vfs vfs_{};
    mutable std::mutex mutex_;  ///< guards everything below
    std::map<std::string, std::shared_ptr<File>, std::less<>> entries_;
    /// Deleted files whose deletion is not on disk yet.
    std::map<std::string, std::string, std::less<>> deleted_;
    std::map<std::string, Counters, std::less<>> counters_;
    std::vector<Failure> failures_;
    std::shared_ptr<std::function<void(FileOperation, const std::string&)>> hook_;
    int memory_locks_ = 0;
    std::atomic<bool> hooked_{false};
    SeededRandom random_;
    std::uint64_t epoch_ = 0;
    bool down_ = false;  ///< crashed, not restarted
    int failed_ = 0;
    std::vector<Damage> damages_;
    int damaged_reads_ = 0;
    int handles_ = 0;

  private:
    bool dead(const Handle& handle) const { return handle.epoch != epoch_; }
    int failure(FileOperation operation, const File& file, bool& forgets);
    void spoil(const File& file, char* into, std::int64_t size, std::int64_t offset);
    void call_hook(FileOperation operation, const Handle& handle);
    void release_memory(Handle& handle, unsigned slots);
};

namespace {

// ---- SQLite's callbacks

Handle& of(sqlite3_file* file) {
    return *static_cast<Handle*>(file);
}
MemoryVfs::Impl& of(sqlite3_vfs* vfs) {
    return *static_cast<MemoryVfs::Impl*>(vfs->pAppData);
}

int x_close(sqlite3_file* file) {
    Handle& handle = of(file);
    handle.vfs->close(handle);
    handle.~Handle();
    return SQLITE_OK;
}
int x_read(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
    return of(file).vfs->read(of(file), into, size, offset);
}
int x_write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    return of(file).vfs->write(of(file), from, size, offset);
}
int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
    return of(file).vfs->truncate(of(file), size);
}
int x_sync(sqlite3_file* file, int) {
    return of(file).vfs->sync(of(file));
}
int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
    return of(file).vfs->size(of(file), size);
}
int x_lock(sqlite3_file* file, int level) {
    return of(file).vfs->lock(of(file), level);
}
int x_unlock(sqlite3_file* file, int level) {
    return of(file).vfs->unlock(of(file), level);
}
int x_check_reserved(sqlite3_file* file, int* reserved) {
    return of(file).vfs->check_reserved(of(file), reserved);
}
int x_file_control(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}
int x_sector_size(sqlite3_file*) {
    return 4096;
}
int x_device_characteristics(sqlite3_file*) {
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}
int x_shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** address) {
    return of(file).vfs->map_memory(of(file), region, size, extend != 0, address);
}
int x_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    const unsigned slots = ((1U << count) - 1U) << offset;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        return of(file).vfs->unlock_memory(of(file), slots);
    }
    return of(file).vfs->lock_memory(of(file), slots, (flags & SQLITE_SHM_EXCLUSIVE) != 0);
}
void x_shm_barrier(sqlite3_file* file) {
    const std::scoped_lock barrier(of(file).vfs->mutex_);
}
int x_shm_unmap(sqlite3_file* file, int) {
    of(file).vfs->unmap_memory(of(file));
    return SQLITE_OK;
}

const sqlite3_io_methods io_methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved,
    .xFileControl = x_file_control,
    .xSectorSize = x_sector_size,
    .xDeviceCharacteristics = x_device_characteristics,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int x_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    file->pMethods = nullptr;
    auto* handle = new (file) Handle();
    const int rc = of(vfs).open(path, *handle, flags);
    if (rc != SQLITE_OK) {
        handle->~Handle();
        return rc;
    }
    handle->pMethods = &io_methods;
    if (out_flags != nullptr) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}
int x_delete(sqlite3_vfs* vfs, const char* path, int) {
    return of(vfs).remove(path);
}
int x_access(sqlite3_vfs* vfs, const char* path, int, int* found) {
    *found = of(vfs).exists(path) ? 1 : 0;
    return SQLITE_OK;
}
int x_full_pathname(sqlite3_vfs*, const char* path, int size, char* into) {
    sqlite3_snprintf(size, into, "%s", path);
    return SQLITE_OK;
}
int x_randomness(sqlite3_vfs* vfs, int size, char* into) {
    for (int i = 0; i < size; ++i) {
        into[i] = static_cast<char>(of(vfs).random_.below(256));
    }
    return size;
}
int x_sleep(sqlite3_vfs*, int microseconds) {
    // Long enough for another thread to go on, short enough for a simulation on one.
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(microseconds, 1000)));
    return microseconds;
}
int x_current_time_int64(sqlite3_vfs*, sqlite3_int64* now) {
    constexpr sqlite3_int64 julian_1970_ms = 210'866'760'000'000;
    *now = julian_1970_ms + VirtualClock::start_ms;
    return SQLITE_OK;
}
int x_current_time(sqlite3_vfs* vfs, double* now) {
    sqlite3_int64 ms = 0;
    x_current_time_int64(vfs, &ms);
    *now = static_cast<double>(ms) / 86'400'000.0;
    return SQLITE_OK;
}
int x_get_last_error(sqlite3_vfs*, int, char*) {
    return 0;
}

std::atomic<int> made{0};

}  // namespace

// ---- files

MemoryVfs::Impl::Impl(std::uint64_t seed)
    : name_("memory-" + std::to_string(++made)), random_(seed) {
    vfs_.iVersion = 2;
    vfs_.szOsFile = sizeof(Handle);
    vfs_.mxPathname = 512;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.xOpen = x_open;
    vfs_.xDelete = x_delete;
    vfs_.xAccess = x_access;
    vfs_.xFullPathname = x_full_pathname;
    vfs_.xRandomness = x_randomness;
    vfs_.xSleep = x_sleep;
    vfs_.xCurrentTime = x_current_time;
    vfs_.xGetLastError = x_get_last_error;
    vfs_.xCurrentTimeInt64 = x_current_time_int64;
    [[maybe_unused]] const int rc = sqlite3_vfs_register(&vfs_, 0);
    assert(rc == SQLITE_OK);
}

MemoryVfs::Impl::~Impl() {
    assert(handles_ == 0 && "a connection outlives its file system");
    sqlite3_vfs_unregister(&vfs_);
}

int MemoryVfs::Impl::open(const char* path, Handle& handle, int flags) {
    const std::scoped_lock lock(mutex_);
    if (down_) {
        return SQLITE_CANTOPEN;
    }
    handle.vfs = this;
    handle.epoch = epoch_;
    handle.read_only = (flags & SQLITE_OPEN_READONLY) != 0;
    handle.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    handle.syncs_directory = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    const std::string name = path == nullptr ? "(temporary)" : path;
    auto entry = path == nullptr ? entries_.end() : entries_.find(name);
    if (entry != entries_.end()) {
        handle.file = entry->second;
    } else {
        if (path != nullptr && (flags & SQLITE_OPEN_CREATE) == 0) {
            return SQLITE_CANTOPEN;
        }
        handle.file = std::make_shared<File>();
        handle.file->name = name;
        handle.file->counters = &counters_[name];
        if (path != nullptr) {
            entries_.emplace(name, handle.file);
        }
    }
    ++handles_;
    return SQLITE_OK;
}

void MemoryVfs::Impl::close(Handle& handle) {
    unlock(handle, SQLITE_LOCK_NONE);
    unmap_memory(handle);
    const std::scoped_lock lock(mutex_);
    if (dead(handle)) {
        return;
    }
    --handles_;
    const auto entry = entries_.find(handle.file->name);
    if (handle.delete_on_close && entry != entries_.end() && entry->second == handle.file) {
        entries_.erase(entry);
    }
}

int MemoryVfs::Impl::remove(const char* path) {
    const std::scoped_lock lock(mutex_);
    if (down_) {
        return SQLITE_IOERR_DELETE;
    }
    const auto entry = entries_.find(std::string_view(path));
    if (entry == entries_.end()) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (entry->second->listed) {
        deleted_[entry->first] = std::move(entry->second->durable);
    }
    entries_.erase(entry);
    return SQLITE_OK;
}

bool MemoryVfs::Impl::exists(std::string_view path) const {
    const std::scoped_lock lock(mutex_);
    const auto entry = entries_.find(path);
    return entry != entries_.end() && !entry->second->content.empty();
}

/// The code that this operation is to fail with; SQLITE_OK if none.
int MemoryVfs::Impl::failure(FileOperation operation, const File& file, bool& forgets) {
    for (Failure& planned : failures_) {
        if (planned.operation != operation || planned.times == 0 ||
            file.name.find(planned.file) == std::string::npos) {
            continue;
        }
        if (planned.skip > 0) {
            --planned.skip;
            continue;
        }
        --planned.times;
        ++failed_;
        forgets = planned.forgets;
        return planned.code;
    }
    return SQLITE_OK;
}

void MemoryVfs::Impl::call_hook(FileOperation operation, const Handle& handle) {
    if (!hooked_.load(std::memory_order_acquire)) {
        return;
    }
    std::shared_ptr<std::function<void(FileOperation, const std::string&)>> hook;
    {
        const std::scoped_lock lock(mutex_);
        if (dead(handle)) {
            return;
        }
        hook = hook_;
    }
    if (hook) {
        (*hook)(operation, handle.file->name);
    }
}

/// Of what was read there, the part that is damaged.
void MemoryVfs::Impl::spoil(const File& file, char* into, std::int64_t size, std::int64_t offset) {
    for (const Damage& damage : damages_) {
        const std::int64_t begin = std::max(damage.offset, offset);
        const std::int64_t end = std::min(damage.offset + damage.size, offset + size);
        if (damage.file == file.name && begin < end) {
            std::memset(into + (begin - offset), rubbish, static_cast<std::size_t>(end - begin));
            ++damaged_reads_;
        }
    }
}

int MemoryVfs::Impl::read(
    const Handle& handle, void* into, std::int64_t size, std::int64_t offset
) {
    const std::scoped_lock lock(mutex_);
    if (dead(handle)) {
        return SQLITE_IOERR_READ;
    }
    bool forgets = false;
    if (const int code = failure(FileOperation::read, *handle.file, forgets)) {
        return code;
    }
    const std::string& content = handle.file->content;
    const std::int64_t there =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(content.size()) - offset, 0, size);
    if (there > 0) {
        std::memcpy(into, content.data() + offset, static_cast<std::size_t>(there));
        spoil(*handle.file, static_cast<char*>(into), there, offset);
    }
    if (there == size) {
        return SQLITE_OK;
    }
    std::memset(static_cast<char*>(into) + there, 0, static_cast<std::size_t>(size - there));
    return SQLITE_IOERR_SHORT_READ;
}

int MemoryVfs::Impl::write(
    const Handle& handle, const void* from, std::int64_t size, std::int64_t offset
) {
    call_hook(FileOperation::write, handle);
    const std::scoped_lock lock(mutex_);
    if (dead(handle)) {
        return SQLITE_IOERR_WRITE;
    }
    File& file = *handle.file;
    bool forgets = false;
    if (const int code = failure(FileOperation::write, file, forgets)) {
        return code;
    }
    ++file.counters->writes;
    const char* bytes = static_cast<const char*>(from);
    write_at(file.content, offset, bytes, size);
    file.unsynced.push_back({false, offset, size, file.arena.size()});
    file.arena.append(bytes, static_cast<std::size_t>(size));
    return SQLITE_OK;
}

int MemoryVfs::Impl::truncate(const Handle& handle, std::int64_t size) {
    const std::scoped_lock lock(mutex_);
    if (dead(handle)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    handle.file->content.resize(static_cast<std::size_t>(size));
    handle.file->unsynced.push_back({true, size, 0, 0});
    return SQLITE_OK;
}

int MemoryVfs::Impl::sync(const Handle& handle) {
    call_hook(FileOperation::sync, handle);
    const std::scoped_lock lock(mutex_);
    if (dead(handle)) {
        return SQLITE_IOERR_FSYNC;
    }
    File& file = *handle.file;
    bool forgets = false;
    if (const int code = failure(FileOperation::sync, file, forgets)) {
        if (forgets) {
            file.unsynced.clear();
            file.arena.clear();
        }
        return code;
    }
    ++file.counters->syncs;
    for (const Change& change : file.unsynced) {
        apply(file.durable, change, file.arena);
    }
    file.unsynced.clear();
    file.arena.clear();
    if (handle.syncs_directory && !file.listed) {
        for (const auto& [name, entry] : entries_) {
            entry->listed = true;
        }
        deleted_.clear();
    }
    file.listed = true;
    return SQLITE_OK;
}

int MemoryVfs::Impl::size(const Handle& handle, sqlite3_int64* size) const {
    const std::scoped_lock lock(mutex_);
    if (dead(handle)) {
        return SQLITE_IOERR_FSTAT;
    }
    *size = static_cast<sqlite3_int64>(handle.file->content.size());
    return SQLITE_OK;
}

// ---- locks

int MemoryVfs::Impl::lock(Handle& handle, int level) {
    const std::scoped_lock lock(mutex_);
    if (dead(handle)) {
        return SQLITE_IOERR_LOCK;
    }
    if (handle.level >= level) {
        return SQLITE_OK;
    }
    File& file = *handle.file;
    const auto other = [&handle](const Handle* owner) {
        return owner != nullptr && owner != &handle;
    };
    if (other(file.exclusive) || other(file.pending)) {
        return SQLITE_BUSY;
    }
    if (level == SQLITE_LOCK_SHARED) {
        ++file.shared;
    } else if (handle.read_only) {
        return SQLITE_IOERR_LOCK;  // a write lock needs a file that is open for writing
    } else if (level == SQLITE_LOCK_RESERVED) {
        if (other(file.reserved)) {
            return SQLITE_BUSY;
        }
        file.reserved = &handle;
    } else {
        if (other(file.reserved)) {
            return SQLITE_BUSY;
        }
        file.pending = &handle;
        if (file.shared > (handle.level >= SQLITE_LOCK_SHARED ? 1 : 0)) {
            handle.level = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
        file.exclusive = &handle;
    }
    handle.level = level;
    return SQLITE_OK;
}

int MemoryVfs::Impl::unlock(Handle& handle, int level) {
    const std::scoped_lock lock(mutex_);
    if (dead(handle) || handle.level <= level) {
        return SQLITE_OK;
    }
    File& file = *handle.file;
    for (const Handle** owner : {&file.reserved, &file.pending, &file.exclusive}) {
        if (*owner == &handle) {
            *owner = nullptr;
        }
    }
    if (level == SQLITE_LOCK_NONE) {
        --file.shared;
    }
    handle.level = level;
    return SQLITE_OK;
}

int MemoryVfs::Impl::check_reserved(const Handle& handle, int* reserved) const {
    const std::scoped_lock lock(mutex_);
    const File& file = *handle.file;
    *reserved = file.reserved != nullptr || file.exclusive != nullptr ? 1 : 0;
    return dead(handle) ? SQLITE_IOERR_CHECKRESERVEDLOCK : SQLITE_OK;
}

int MemoryVfs::Impl::map_memory(
    Handle& handle, int region, int size, bool extend, void volatile** address
) {
    const std::scoped_lock lock(mutex_);
    *address = nullptr;
    if (!handle.memory) {
        if (dead(handle)) {
            return SQLITE_IOERR_SHMMAP;
        }
        if (!handle.file->memory) {
            handle.file->memory = std::make_shared<SharedMemory>();
        }
        handle.memory = handle.file->memory;
        ++handle.memory->users;
    }
    auto& regions = handle.memory->regions;
    while (extend && regions.size() <= static_cast<std::size_t>(region)) {
        regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    }
    if (static_cast<std::size_t>(region) < regions.size()) {
        *address = regions[static_cast<std::size_t>(region)].get();
    }
    return SQLITE_OK;
}

int MemoryVfs::Impl::lock_memory(Handle& handle, unsigned slots, bool exclusive) {
    const std::scoped_lock lock(mutex_);
    if (dead(handle) || !handle.memory) {
        return SQLITE_IOERR_SHMLOCK;
    }
    ++memory_locks_;
    SharedMemory& memory = *handle.memory;
    for (unsigned slot = 0; slot < SQLITE_SHM_NLOCK; ++slot) {
        if ((slots >> slot & 1U) == 0) {
            continue;
        }
        const int own = static_cast<int>(handle.shared_slots >> slot & 1U);
        if (memory.exclusive[slot] != nullptr && memory.exclusive[slot] != &handle) {
            return SQLITE_BUSY;
        }
        if (exclusive && memory.shared[slot] > own) {
            return SQLITE_BUSY;
        }
    }
    for (unsigned slot = 0; slot < SQLITE_SHM_NLOCK; ++slot) {
        if ((slots >> slot & 1U) == 0) {
            continue;
        }
        if (exclusive) {
            memory.exclusive[slot] = &handle;
        } else if ((handle.shared_slots >> slot & 1U) == 0) {
            ++memory.shared[slot];
        }
    }
    (exclusive ? handle.exclusive_slots : handle.shared_slots) |= slots;
    return SQLITE_OK;
}

/// The lock is held.
void MemoryVfs::Impl::release_memory(Handle& handle, unsigned slots) {
    SharedMemory& memory = *handle.memory;
    for (unsigned slot = 0; slot < SQLITE_SHM_NLOCK; ++slot) {
        if ((slots & handle.exclusive_slots) >> slot & 1U) {
            memory.exclusive[slot] = nullptr;
        }
        if ((slots & handle.shared_slots) >> slot & 1U) {
            --memory.shared[slot];
        }
    }
    handle.exclusive_slots &= ~slots;
    handle.shared_slots &= ~slots;
}

int MemoryVfs::Impl::unlock_memory(Handle& handle, unsigned slots) {
    const std::scoped_lock lock(mutex_);
    if (handle.memory) {
        release_memory(handle, slots);
    }
    return SQLITE_OK;
}

void MemoryVfs::Impl::unmap_memory(Handle& handle) {
    const std::scoped_lock lock(mutex_);
    if (!handle.memory) {
        return;
    }
    release_memory(handle, ~0U);
    // The last one takes it away, as the first one of a new process finds it empty.
    if (--handle.memory->users == 0 && handle.file->memory == handle.memory) {
        handle.file->memory.reset();
    }
    handle.memory.reset();
}

// ---- crashes

void MemoryVfs::Impl::lose_power(bool torn) {
    const auto lost = [&] { return !torn || random_.one_in(2); };
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        File& file = *entry->second;
        if (!file.listed && lost()) {
            entry = entries_.erase(entry);
            continue;
        }
        // A new file, for the dead handles still look at the old one.
        auto left = std::make_shared<File>();
        left->name = file.name;
        left->content = torn ? survived(file, random_) : file.durable;
        left->durable = left->content;
        left->listed = true;
        left->counters = file.counters;
        entry->second = std::move(left);
        ++entry;
    }
    for (auto& [name, content] : deleted_) {
        if (!entries_.contains(name) && lost()) {
            auto back = std::make_shared<File>();
            back->name = name;
            back->content = content;
            back->durable = std::move(content);
            back->listed = true;
            back->counters = &counters_[name];
            entries_.emplace(name, std::move(back));
        }
    }
    deleted_.clear();
}

void MemoryVfs::Impl::crash(Crash kind) {
    const std::scoped_lock lock(mutex_);
    assert(!down_);
    ++epoch_;
    down_ = true;
    handles_ = 0;
    if (kind != Crash::process) {
        lose_power(kind == Crash::power_loss_torn);
        return;
    }
    for (auto& [name, file] : entries_) {
        auto left = std::make_shared<File>();
        left->name = file->name;
        left->content = file->content;
        left->durable = file->durable;
        left->unsynced = file->unsynced;
        left->arena = file->arena;
        left->listed = file->listed;
        left->counters = file->counters;
        file = std::move(left);
    }
}

// ---- the public side

MemoryVfs::MemoryVfs(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}
MemoryVfs::~MemoryVfs() = default;

const std::string& MemoryVfs::name() const {
    return impl_->name_;
}
void MemoryVfs::crash(Crash kind) {
    impl_->crash(kind);
}

void MemoryVfs::restart() {
    const std::scoped_lock lock(impl_->mutex_);
    impl_->down_ = false;
}

bool MemoryVfs::down() const {
    const std::scoped_lock lock(impl_->mutex_);
    return impl_->down_;
}

void MemoryVfs::fail(Failure failure) {
    assert(failure.code != SQLITE_OK);
    const std::scoped_lock lock(impl_->mutex_);
    impl_->failures_.push_back(std::move(failure));
}

void MemoryVfs::clear_failures() {
    const std::scoped_lock lock(impl_->mutex_);
    impl_->failures_.clear();
}

void MemoryVfs::damage(const std::string& file, std::int64_t offset, std::int64_t size) {
    const std::scoped_lock lock(impl_->mutex_);
    impl_->damages_.push_back({file, offset, size});
}

void MemoryVfs::heal() {
    const std::scoped_lock lock(impl_->mutex_);
    impl_->damages_.clear();
}

int MemoryVfs::damaged_reads() const {
    const std::scoped_lock lock(impl_->mutex_);
    return impl_->damaged_reads_;
}

int MemoryVfs::failed() const {
    const std::scoped_lock lock(impl_->mutex_);
    return impl_->failed_;
}

void MemoryVfs::before_write(std::function<void(FileOperation, const std::string&)> hook) {
    const std::scoped_lock lock(impl_->mutex_);
    impl_->hook_.reset();
    if (hook) {
        impl_->hook_ = std::make_shared<decltype(hook)>(std::move(hook));
    }
    impl_->hooked_.store(impl_->hook_ != nullptr, std::memory_order_release);
}

int MemoryVfs::syncs(std::string_view file) const {
    const std::scoped_lock lock(impl_->mutex_);
    int sum = 0;
    for (const auto& [name, counters] : impl_->counters_) {
        sum += name.find(file) != std::string::npos ? counters.syncs : 0;
    }
    return sum;
}

int MemoryVfs::writes(std::string_view file) const {
    const std::scoped_lock lock(impl_->mutex_);
    int sum = 0;
    for (const auto& [name, counters] : impl_->counters_) {
        sum += name.find(file) != std::string::npos ? counters.writes : 0;
    }
    return sum;
}

int MemoryVfs::memory_locks() const {
    const std::scoped_lock lock(impl_->mutex_);
    return impl_->memory_locks_;
}

std::size_t MemoryVfs::size(const std::string& file) const {
    const std::scoped_lock lock(impl_->mutex_);
    const auto entry = impl_->entries_.find(file);
    return entry == impl_->entries_.end() ? 0 : entry->second->content.size();
}

bool MemoryVfs::exists(const std::string& file) const {
    const std::scoped_lock lock(impl_->mutex_);
    return impl_->entries_.contains(file);
}

std::vector<std::string> MemoryVfs::files() const {
    const std::scoped_lock lock(impl_->mutex_);
    std::vector<std::string> names;
    for (const auto& [name, file] : impl_->entries_) {
        names.push_back(name);
    }
    return names;
}

int MemoryVfs::open_handles() const {
    const std::scoped_lock lock(impl_->mutex_);
    return impl_->handles_;
}

MemoryVfs::Image MemoryVfs::image() const {
    const std::scoped_lock lock(impl_->mutex_);
    Image image;
    for (const auto& [name, file] : impl_->entries_) {
        image.emplace(name, file->content);
    }
    return image;
}

void MemoryVfs::load(const Image& image) {
    {
        const std::scoped_lock lock(impl_->mutex_);
        assert(impl_->handles_ == 0);
        impl_->entries_.clear();
        impl_->deleted_.clear();
    }
    for (const auto& [name, content] : image) {
        put_back(image, name);
    }
}

void MemoryVfs::put_back(const Image& image, const std::string& name) {
    const std::scoped_lock lock(impl_->mutex_);
    impl_->deleted_.erase(name);
    const auto found = image.find(name);
    if (found == image.end()) {
        impl_->entries_.erase(name);
        return;
    }
    auto file = std::make_shared<File>();
    file->name = name;
    file->content = found->second;
    file->durable = found->second;
    file->listed = true;
    file->counters = &impl_->counters_[name];
    impl_->entries_[name] = std::move(file);
}

}  // namespace bookstore::test
