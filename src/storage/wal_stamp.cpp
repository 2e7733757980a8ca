#include "storage/wal_stamp.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "storage/connection.hpp"

namespace bookstore::storage {
namespace {

// Of SQLite's file formats (sqlite.org/fileformat2.html): numbers are big-endian.
constexpr sqlite3_int64 stamp_at = 60;         ///< user_version, in page 1
constexpr sqlite3_int64 former_stamp_at = 68;  ///< application_id
constexpr sqlite3_int64 wal_header_bytes = 32;
constexpr sqlite3_int64 page_size_at = 8;  ///< in the WAL's header
constexpr sqlite3_int64 salts_at = 16;
constexpr sqlite3_int64 frame_header_bytes = 24;

std::uint32_t new_stamp() {
    std::uint32_t value = 0;
    while (value == 0) {
        sqlite3_randomness(sizeof value, &value);
    }
    return value;
}

std::uint32_t number_in(const unsigned char* bytes) {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | bytes[3];
}

/// A file as SQLite's file system has it, read as such. Closing it takes no lock away from another
/// connection of this process, which closing a descriptor would.
class RawFile {
  public:
    /// Throws Error.
    RawFile(sqlite3_vfs& vfs, const char* path, int kind)
        : path_(path),
          memory_(std::make_unique<std::max_align_t[]>(
              static_cast<std::size_t>(vfs.szOsFile) / sizeof(std::max_align_t) + 1
          )),
          file_(reinterpret_cast<sqlite3_file*>(memory_.get())) {
        const int rc = vfs.xOpen(&vfs, path, file_, kind | SQLITE_OPEN_READONLY, nullptr);
        if (rc != SQLITE_OK) {
            close();
        }
        require(rc);
    }
    ~RawFile() { close(); }
    RawFile(const RawFile&) = delete;
    RawFile& operator=(const RawFile&) = delete;

    sqlite3_int64 size() const {
        sqlite3_int64 size = 0;
        require(file_->pMethods->xFileSize(file_, &size));
        return size;
    }
    /// Behind the file's end are zeros.
    void read(std::span<unsigned char> bytes, sqlite3_int64 at) const {
        const auto size = static_cast<int>(bytes.size());
        const int rc = file_->pMethods->xRead(file_, bytes.data(), size, at);
        if (rc != SQLITE_IOERR_SHORT_READ) {
            require(rc);
        }
    }
    template <std::size_t Bytes>
    std::array<unsigned char, Bytes> read(sqlite3_int64 at) const {
        std::array<unsigned char, Bytes> bytes{};
        read(std::span(bytes), at);
        return bytes;
    }
    std::uint32_t number(sqlite3_int64 at) const { return number_in(read<4>(at).data()); }

  private:
    void close() {
        if (file_->pMethods != nullptr) {
            file_->pMethods->xClose(file_);
        }
    }
    void require(int rc) const {
        if (rc != SQLITE_OK) {
            throw Error(rc, fmt::format("{}: {}", path_, sqlite3_errstr(rc)));
        }
    }

    std::string path_;
    std::unique_ptr<std::max_align_t[]> memory_;
    sqlite3_file* file_;
};

struct FreeFilename {
    void operator()(const char* name) const { sqlite3_free_filename(const_cast<char*>(name)); }
};
using Filename = std::unique_ptr<const char, FreeFilename>;

bool exists(sqlite3_vfs& vfs, const char* path) {
    int found = 0;
    const int rc = vfs.xAccess(&vfs, path, SQLITE_ACCESS_EXISTS, &found);
    return rc == SQLITE_OK && found != 0;
}

/// What a WAL says of the file that it belongs to.
struct WalMarks {
    bool commits = false;            ///< it has a transaction
    std::set<std::uint32_t> stamps;  ///< that its file may have
};

/// The WAL's running checksum (sqlite.org/fileformat2.html#checksum_algorithm).
class Checksum {
  public:
    explicit Checksum(bool big_endian) : big_endian_(big_endian) {}
    void add(const unsigned char* bytes, std::size_t size) {
        for (std::size_t i = 0; i + 8 <= size; i += 8) {
            first_ += word(bytes + i) + second_;
            second_ += word(bytes + i + 4) + first_;
        }
    }
    /// As it is stored.
    bool is(const unsigned char* stored) const {
        return first_ == number_in(stored) && second_ == number_in(stored + 4);
    }

  private:
    std::uint32_t word(const unsigned char* bytes) const {
        const std::uint32_t number = number_in(bytes);
        return big_endian_ ? number : __builtin_bswap32(number);
    }
    bool big_endian_;
    std::uint32_t first_ = 0;
    std::uint32_t second_ = 0;
};

/// Reads as far as SQLite would: behind the first frame that is of a WAL before, or was torn when
/// the power went, nothing counts.
WalMarks marks_of(const RawFile& wal) {
    WalMarks marks;
    const sqlite3_int64 size = wal.size();
    if (size < wal_header_bytes) {
        return marks;
    }
    const auto wal_header = wal.read<wal_header_bytes>(0);
    Checksum checksum((wal_header[3] & 1) != 0);
    checksum.add(wal_header.data(), 24);
    const std::uint32_t page_bytes = number_in(&wal_header[page_size_at]);
    if (!checksum.is(&wal_header[24]) || page_bytes < 512 || page_bytes > 65'536) {
        return marks;
    }
    std::vector<unsigned char> frame(frame_header_bytes + page_bytes);
    const auto frame_bytes = static_cast<sqlite3_int64>(frame.size());
    for (sqlite3_int64 at = wal_header_bytes; at + frame_bytes <= size; at += frame_bytes) {
        wal.read(frame, at);
        checksum.add(frame.data(), 8);
        checksum.add(&frame[frame_header_bytes], page_bytes);
        if (!std::equal(&frame[8], &frame[16], &wal_header[salts_at]) || !checksum.is(&frame[16])) {
            break;
        }
        marks.commits = marks.commits || number_in(&frame[4]) != 0;
        if (number_in(frame.data()) == 1) {
            marks.stamps.insert(number_in(&frame[frame_header_bytes + stamp_at]));
            marks.stamps.insert(number_in(&frame[frame_header_bytes + former_stamp_at]));
        }
    }
    return marks;
}

bool belongs(const WalMarks& marks, std::uint32_t stamp) {
    if (!marks.commits) {
        return true;  // nothing in it is looked at
    }
    return marks.stamps.empty() ? stamp == 0 : marks.stamps.contains(stamp);
}

}  // namespace

void stamp(Connection& connection) {
    const auto former = static_cast<std::int32_t>(connection.query_integer("PRAGMA user_version"));
    connection.execute(fmt::format("PRAGMA application_id = {}", former));
    change_stamp(connection);
}

void change_stamp(Connection& connection) {
    connection.execute(
        fmt::format("PRAGMA user_version = {}", std::bit_cast<std::int32_t>(new_stamp()))
    );
}

int stamp_copy(int descriptor) {
    const std::uint32_t value = new_stamp();
    for (const sqlite3_int64 at : {stamp_at, former_stamp_at}) {
        if (::pwrite(descriptor, &value, sizeof value, at) != sizeof value) {
            return errno;
        }
    }
    return 0;
}

void require_own_wal(const std::string& path, const std::string& vfs_name) {
    sqlite3_vfs* const vfs = sqlite3_vfs_find(vfs_name.empty() ? nullptr : vfs_name.c_str());
    if (vfs == nullptr) {
        throw Error(SQLITE_ERROR, "there is no file system " + vfs_name);
    }
    std::vector<char> full(static_cast<std::size_t>(vfs->mxPathname) + 1);
    const int rc = vfs->xFullPathname(vfs, path.c_str(), vfs->mxPathname + 1, full.data());
    if ((rc & 0xff) != SQLITE_OK) {
        throw Error(rc, fmt::format("{}: {}", path, sqlite3_errstr(rc)));
    }
    const std::string wal_path = full.data() + std::string("-wal");
    // The form that a file system expects of a database's name.
    const Filename name(sqlite3_create_filename(full.data(), "", wal_path.c_str(), 0, nullptr));
    if (!exists(*vfs, wal_path.c_str()) || !exists(*vfs, name.get())) {
        return;
    }
    const RawFile file(*vfs, name.get(), SQLITE_OPEN_MAIN_DB);
    const WalMarks marks =
        marks_of(RawFile(*vfs, sqlite3_filename_wal(name.get()), SQLITE_OPEN_WAL));
    if (belongs(marks, file.number(stamp_at))) {
        return;
    }
    const std::string directory = std::filesystem::path(full.data()).parent_path().string();
    throw Refused(fmt::format(
        "{0}-wal does not belong to {0}: the file was replaced, and the write-ahead log of the "
        "former one stayed. If a backup was copied over this directory, remove what is left of the "
        "former files (rm '{1}'/*.db-wal '{1}'/*.db-shm) and start again; nothing was changed",
        path,
        directory
    ));
}

}  // namespace bookstore::storage
