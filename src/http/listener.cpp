#include "http/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace bookstore::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int backlog = 4096;
constexpr mode_t socket_mode = 0660;
constexpr std::size_t most_socket_files = 4;

/// The files that are there now, for who ends the process in the middle of something: written
/// before `used` is set, so that a signal's handler may read them.
struct NotedFile {
    std::array<char, sizeof(sockaddr_un::sun_path)> path{};
    std::atomic<bool> used{false};
};
std::array<NotedFile, most_socket_files> noted_files;

void note(const std::string& path) {
    for (NotedFile& file : noted_files) {
        if (!file.used.load()) {
            path.copy(file.path.data(), file.path.size() - 1);
            file.path.at(path.size()) = '\0';
            file.used.store(true);
            return;
        }
    }
}

void forget(const std::string& path) {
    for (NotedFile& file : noted_files) {
        if (file.used.load() && path == file.path.data()) {
            file.used.store(false);
        }
    }
}

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::system_category(), what);
}

sockaddr* generic(void* address) {
    return static_cast<sockaddr*>(address);
}

UniqueFd open_socket(int family, const std::string& where) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) {
        fail(errno, "cannot listen on " + where);
    }
    return fd;
}

void start_listening(const UniqueFd& fd, const std::string& where) {
    if (::listen(fd.get(), backlog) != 0) {
        fail(errno, "cannot listen on " + where);
    }
}

// ---- HOST:PORT

std::string unbracketed(const std::string& host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        return host.substr(1, host.size() - 2);
    }
    return host;
}

tcp::endpoint resolve(const ListenAddress& where) {
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(unbracketed(where.host), ec);
    if (!ec) {
        return {address, where.port};
    }
    asio::io_context io(1);
    tcp::resolver resolver(io);
    const auto found =
        resolver.resolve(where.host, std::to_string(where.port), tcp::resolver::passive, ec);
    if (ec) {
        throw std::system_error(ec, fmt::format("cannot resolve {}", where.host));
    }
    return found.begin()->endpoint();
}

/// Whether the system has IPv6 at all: where it has not, [::] can only mean 0.0.0.0.
bool has_ipv6() {
    const UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_addr = in6addr_any;
    return probe.get() >= 0 && ::bind(probe.get(), generic(&any), sizeof any) == 0;
}

std::string text_of(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    return fmt::format(
        fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address, endpoint.port()
    );
}

bool is_beyond_loopback(const asio::ip::address& address) {
    const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
    return mapped ? !asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback()
                  : !address.is_loopback();
}

Listening listen_at_port(const ListenAddress& where) {
    tcp::endpoint endpoint = resolve(where);
    const bool any_v6 = endpoint.address() == asio::ip::address_v6::any();
    if (any_v6 && !has_ipv6()) {
        endpoint = tcp::endpoint(tcp::v4(), endpoint.port());
    }
    const std::string wanted = text_of(endpoint);
    Listening listening;
    listening.family = endpoint.protocol().family();
    listening.fd = open_socket(listening.family, wanted);
    const int on = 1;
    const int off = 0;
    ::setsockopt(listening.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (any_v6) {
        // [::] is every address, those of IPv4 too, whatever the system's default is.
        ::setsockopt(listening.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (::bind(listening.fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
        fail(errno, "cannot listen on " + wanted);
    }
    start_listening(listening.fd, wanted);
    tcp::endpoint bound;
    auto size = static_cast<socklen_t>(bound.capacity());
    if (::getsockname(listening.fd.get(), bound.data(), &size) != 0) {
        fail(errno, "cannot listen on " + wanted);
    }
    bound.resize(size);
    listening.address = text_of(bound);
    listening.port = bound.port();
    listening.beyond_loopback = is_beyond_loopback(bound.address());
    return listening;
}

// ---- unix:PATH

/// While it lives, no other bookstore looks for a stale socket in that directory, or makes one.
class DirectoryTurn {
  public:
    explicit DirectoryTurn(const std::filesystem::path& directory)
        : fd_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (fd_.get() >= 0) {
            ::flock(fd_.get(), LOCK_EX);  // a file system that has no locks does without
        }
    }
    bool is_there() const { return fd_.get() >= 0; }

  private:
    UniqueFd fd_;
};

sockaddr_un unix_address(const std::string& path, const std::string& where) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        fail(
            path.empty() ? EINVAL : ENAMETOOLONG,
            fmt::format(
                "cannot listen on {}: a socket's path has 1 to {} bytes",
                where,
                sizeof address.sun_path - 1
            )
        );
    }
    path.copy(address.sun_path, path.size());
    return address;
}

/// Removes what a process that was killed has left; refuses what is somebody's.
void make_room(const std::string& path, sockaddr_un address, const std::string& where) {
    struct stat there{};
    if (::lstat(path.c_str(), &there) != 0) {
        return;
    }
    if (!S_ISSOCK(there.st_mode)) {
        fail(EEXIST, fmt::format("cannot listen on {}: what is there is no socket", where));
    }
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(probe.get(), generic(&address), sizeof address) == 0 || errno == EAGAIN) {
        fail(
            EADDRINUSE,
            fmt::format(
                "cannot listen on {}: a process listens there; stop it, or take another", where
            )
        );
    }
    if (errno != ECONNREFUSED) {
        fail(errno, fmt::format("cannot listen on {}: who listens there cannot be asked", where));
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        fail(errno, fmt::format("cannot listen on {}: the old socket cannot be removed", where));
    }
}

Listening listen_at_path(const std::string& path) {
    const std::string where = "unix:" + path;
    sockaddr_un address = unix_address(path, where);
    const auto directory = std::filesystem::absolute(path).parent_path();
    const DirectoryTurn turn(directory);
    if (!turn.is_there()) {
        fail(errno, fmt::format("cannot listen on {}: its directory cannot be opened", where));
    }
    make_room(path, address, where);
    Listening listening;
    listening.family = AF_UNIX;
    listening.address = where;
    listening.fd = open_socket(AF_UNIX, where);
    if (::bind(listening.fd.get(), generic(&address), sizeof address) != 0) {
        fail(errno, "cannot listen on " + where);
    }
    listening.file = SocketFile(path);
    // Before it listens nobody can connect, so that nobody does by a wider mode.
    if (::chmod(path.c_str(), socket_mode) != 0) {
        fail(errno, "cannot listen on " + where);
    }
    start_listening(listening.fd, where);
    return listening;
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
    struct stat there{};
    if (::lstat(path_.c_str(), &there) == 0) {
        device_ = there.st_dev;
        inode_ = there.st_ino;
    }
    note(path_);
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
}

SocketFile::~SocketFile() {
    remove();
}

void SocketFile::remove() noexcept {
    if (path_.empty()) {
        return;
    }
    forget(path_);
    struct stat there{};
    if (::lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ && there.st_ino == inode_) {
        ::unlink(path_.c_str());
    }
    path_.clear();
}

void remove_socket_files() noexcept {
    for (NotedFile& file : noted_files) {
        if (file.used.exchange(false)) {
            ::unlink(file.path.data());
        }
    }
}

Listening listen_at(const ListenAddress& where) {
    return where.is_unix() ? listen_at_path(*where.path) : listen_at_port(where);
}

}  // namespace bookstore::http
