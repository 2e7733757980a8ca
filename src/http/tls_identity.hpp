#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <string>

#include "http/server.hpp"
#include "http/tls_context.hpp"

// Internal to the server.

namespace bookstore::http {

/// A server's certificate, taken again when its files change. Any thread.
class TlsIdentity {
  public:
    /// Throws std::runtime_error that names the file.
    explicit TlsIdentity(TlsFiles files);

    /// For a connection at that door.
    TlsContext context_of(Door door) const;
    TlsStatus status() const;

    /// Takes the files if they have changed since they were looked at: whether it could, or why
    /// not; nothing when they have not. Of what it cannot take nothing changes.
    std::optional<std::expected<void, std::string>> look();

  private:
    /// Which file lies there, as far as can be seen without reading it.
    struct Stamp {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t size = 0;
        std::int64_t modified_ns = 0;
        std::int64_t changed_ns = 0;

        bool operator==(const Stamp&) const = default;
    };
    using Stamps = std::array<Stamp, 3>;

    struct Contexts {
        TlsContext customers;
        TlsContext operators;
    };

    static Stamp stamp_of(const std::string& path);
    Stamps stamps() const;
    Contexts load() const;

    const TlsFiles files_;
    mutable std::mutex mutex_;
    Stamps seen_;
    Contexts contexts_;
    TlsStatus status_;
};

}  // namespace bookstore::http
