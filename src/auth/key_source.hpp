#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "auth/key.hpp"
#include "base/clock.hpp"
#include "http/client.hpp"
#include "http/peer.hpp"

namespace bookstore::auth {

/// Where the keys are that tokens are verified with; both may be given.
struct KeyPlaces {
    std::string jwks{};         ///< a file, or a URL of https (of http on this machine)
    std::string secret_file{};  ///< the bytes of a secret, a line break at the end excluded
    http::ClientTls tls{};      ///< whom a URL of https is believed from
};

/// Whether it names a URL and not a file.
bool is_url(std::string_view jwks);

/// The secret in a file. Throws std::runtime_error when it cannot be read or is none.
Key read_secret(const std::string& path);

/// The keys as they are there now. A place that is gone or has nothing of use leaves the last good
/// keys as they are, and says so in the log. Thread-safe.
class KeySource {
  public:
    static constexpr std::int64_t refresh_ms = 600'000;  ///< a URL is asked again so often
    static constexpr std::int64_t again_ms = 60'000;     ///< and never sooner, once it answered
    static constexpr std::int64_t first_again_ms = 5'000;

    /// Reads the files: throws std::runtime_error when one cannot be read or has no key. Asks the
    /// URL, and does not wait for it; throws std::invalid_argument when it is none that may be
    /// asked.
    KeySource(KeyPlaces places, const Clock& clock);
    ~KeySource();
    KeySource(const KeySource&) = delete;
    KeySource& operator=(const KeySource&) = delete;

    /// Takes what has changed in the files, and asks the URL when it is time. To be called once a
    /// second or so, by one thread. It does not wait for anything but the files' disk.
    void look();
    /// A token names a key that is not here: the URL is asked, at most once in `again_ms`.
    void look_for_another();

    std::shared_ptr<const Keys> keys() const;
    /// Grows whenever the keys change.
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
    /// Whether keys were ever there.
    bool has_any() const { return generation() > 0; }

  private:
    /// A file as it was when it was last read.
    struct Seen {
        std::int64_t modified_ns = 0;
        std::uint64_t inode = 0;
        std::int64_t size = -1;  ///< -1: it was not there
        friend bool operator==(const Seen&, const Seen&) = default;
    };

    static Seen seen(const std::string& path);
    void read_jwks_file();
    void read_secret_file();
    void look_at_files();
    bool may_ask(std::int64_t pause_ms);
    void ask();
    void take_answer(const std::expected<http::ClientResponse, std::string>& answer);
    void publish();

    const KeyPlaces places_;
    const Clock& clock_;
    http::Url url_;
    Seen jwks_seen_;    ///< of the thread that looks
    Seen secret_seen_;  ///< of the thread that looks
    mutable std::mutex mutex_;
    Keys jwks_keys_;                     ///< guarded by mutex_
    std::optional<Key> secret_;          ///< guarded by mutex_
    std::shared_ptr<const Keys> keys_;   ///< guarded by mutex_
    std::optional<std::int64_t> asked_;  ///< steady ms of the last time; guarded by mutex_
    bool answered_ = false;              ///< it gave keys at least once; guarded by mutex_
    std::atomic<std::uint64_t> generation_{0};
    std::unique_ptr<http::Peer>
        peer_;  ///< null: there is no URL; the last, its thread uses the rest
};

}  // namespace bookstore::auth
