#include "http/tls_identity.hpp"

#include <sys/stat.h>

#include <exception>
#include <utility>

namespace bookstore::http {

namespace {

std::int64_t ns_of(const timespec& time) {
    constexpr std::int64_t second = 1'000'000'000;
    return time.tv_sec * second + time.tv_nsec;
}

}  // namespace

TlsIdentity::TlsIdentity(TlsFiles files)
    : files_(std::move(files)), seen_(stamps()), contexts_(load()) {
    status_ = {.expires_s = expiry_of(contexts_.customers), .loads = 1};
}

TlsContext TlsIdentity::context_of(Door door) const {
    const std::lock_guard lock(mutex_);
    return door == Door::operators ? contexts_.operators : contexts_.customers;
}

TlsStatus TlsIdentity::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

/// What is behind a link counts: that is how a cluster replaces both files at once.
TlsIdentity::Stamp TlsIdentity::stamp_of(const std::string& path) {
    struct stat found{};
    if (path.empty() || ::stat(path.c_str(), &found) != 0) {
        return {};
    }
    return {
        .device = found.st_dev,
        .inode = found.st_ino,
        .size = found.st_size,
        .modified_ns = ns_of(found.st_mtim),
        .changed_ns = ns_of(found.st_ctim)
    };
}

TlsIdentity::Stamps TlsIdentity::stamps() const {
    return {stamp_of(files_.certificate), stamp_of(files_.key), stamp_of(files_.client_ca)};
}

TlsIdentity::Contexts TlsIdentity::load() const {
    const TlsContext plain = make_server_context(files_, false);
    return {plain, files_.client_ca.empty() ? plain : make_server_context(files_, true)};
}

std::optional<std::expected<void, std::string>> TlsIdentity::look() {
    // Before they are read: what changes meanwhile is seen by the next look.
    const Stamps there = stamps();
    {
        const std::lock_guard lock(mutex_);
        if (there == seen_) {
            return std::nullopt;
        }
        seen_ = there;
    }
    try {
        Contexts loaded = load();
        const std::int64_t expires_s = expiry_of(loaded.customers);
        const std::lock_guard lock(mutex_);
        std::swap(contexts_, loaded);
        status_.expires_s = expires_s;
        status_.problem.clear();
        ++status_.loads;
        return std::expected<void, std::string>();
    } catch (const std::exception& error) {
        const std::lock_guard lock(mutex_);
        status_.problem = error.what();
        ++status_.failures;
        return std::unexpected(status_.problem);
    }
}

}  // namespace bookstore::http
