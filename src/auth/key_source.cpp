#include "auth/key_source.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "auth/jwks.hpp"

namespace bookstore::auth {
namespace {

constexpr std::chrono::milliseconds answer_time{10'000};

/// What of a file may be of use; a larger one is read so far that it is seen to be too large.
std::string read_some(const std::string& path, std::size_t most_bytes) {
    std::ifstream file(path, std::ios::binary);
    std::string text(most_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad() || (!file.is_open())) {
        throw std::runtime_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

bool is_this_machine(std::string_view host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

http::Url url_to_ask(const std::string& text) {
    const http::Url url = http::parse_url(text);
    if (!text.starts_with("https://") && !url.is_unix() && !is_this_machine(url.host)) {
        throw std::invalid_argument(
            fmt::format("{} is not https: whoever is between could give keys of his own", text)
        );
    }
    return url;
}

}  // namespace

bool is_url(std::string_view jwks) {
    return jwks.find("://") != jwks.npos;
}

Key read_secret(const std::string& path) {
    std::string bytes = read_some(path, most_secret_bytes + 2);
    if (bytes.ends_with('\n')) {
        bytes.pop_back();
        if (bytes.ends_with('\r')) {
            bytes.pop_back();
        }
    }
    auto key = Key::secret(std::move(bytes));
    if (!key) {
        throw std::runtime_error(
            fmt::format("{} is no secret: {} (openssl rand -base64 48)", path, key.error())
        );
    }
    return std::move(*key);
}

KeySource::KeySource(KeyPlaces places, const Clock& clock)
    : places_(std::move(places)), clock_(clock), keys_(std::make_shared<const Keys>()) {
    if (!places_.secret_file.empty()) {
        secret_seen_ = seen(places_.secret_file);
        read_secret_file();
    }
    if (places_.jwks.empty()) {
        return;
    }
    if (!is_url(places_.jwks)) {
        jwks_seen_ = seen(places_.jwks);
        read_jwks_file();
        return;
    }
    url_ = url_to_ask(places_.jwks);
    http::PeerOptions options;
    options.origin = url_;
    options.origin.target = "/";
    options.tls = places_.tls;
    options.max_body_bytes = most_jwks_bytes;
    options.error_log = [](std::string_view what) { spdlog::error("JWKS: {}", what); };
    peer_ = std::make_unique<http::Peer>(std::move(options));
    look();
}

KeySource::~KeySource() = default;

KeySource::Seen KeySource::seen(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
        return {};
    }
    return {
        .modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
        .inode = status.st_ino,
        .size = status.st_size
    };
}

void KeySource::read_secret_file() {
    Key secret = read_secret(places_.secret_file);
    struct stat status{};
    if (::stat(places_.secret_file.c_str(), &status) == 0 && (status.st_mode & S_IRWXO) != 0) {
        spdlog::warn(
            "{} can be read by everybody on this machine, who could make tokens of any role: "
            "chmod o= {}",
            places_.secret_file,
            places_.secret_file
        );
    }
    const std::scoped_lock lock(mutex_);
    secret_ = std::move(secret);
    publish();
}

void KeySource::read_jwks_file() {
    const auto set = read_jwks(read_some(places_.jwks, most_jwks_bytes));
    if (!set) {
        throw std::runtime_error(fmt::format("{}: {}", places_.jwks, set.error()));
    }
    for (const std::string& why : set->left_out) {
        spdlog::warn("{}: {}", places_.jwks, why);
    }
    const std::scoped_lock lock(mutex_);
    jwks_keys_ = set->keys;
    publish();
}

/// Called with the mutex held.
void KeySource::publish() {
    auto all = std::make_shared<Keys>(jwks_keys_);
    if (secret_) {
        all->push_back(*secret_);
    }
    keys_ = std::move(all);
    generation_.fetch_add(1, std::memory_order_acq_rel);
}

void KeySource::look_at_files() {
    const auto take = [](const std::string& path, Seen& last, const auto& read) {
        const Seen now = seen(path);
        if (now == last) {
            return;
        }
        last = now;  // what is wrong with it is said once
        try {
            read();
            spdlog::info("the keys in {} have changed and are used", path);
        } catch (const std::exception& error) {
            spdlog::error("the last good keys are used on: {}", error.what());
        }
    };
    if (!places_.secret_file.empty()) {
        take(places_.secret_file, secret_seen_, [this] { read_secret_file(); });
    }
    if (!places_.jwks.empty() && peer_ == nullptr) {
        take(places_.jwks, jwks_seen_, [this] { read_jwks_file(); });
    }
}

void KeySource::look() {
    look_at_files();
    if (peer_ == nullptr) {
        return;
    }
    const std::int64_t pause_ms = [this] {
        const std::scoped_lock lock(mutex_);
        return answered_ ? refresh_ms : first_again_ms;
    }();
    if (may_ask(pause_ms)) {
        ask();
    }
}

void KeySource::look_for_another() {
    if (peer_ != nullptr && may_ask(again_ms)) {
        ask();
    }
}

/// Whether the last time was so long ago; then this is one.
bool KeySource::may_ask(std::int64_t pause_ms) {
    const std::int64_t now_ms = clock_.steady_ms();
    const std::scoped_lock lock(mutex_);
    if (asked_ && now_ms - *asked_ < pause_ms) {
        return false;
    }
    asked_ = now_ms;
    return true;
}

void KeySource::ask() {
    peer_->send(
        {.target = url_.target,
         .headers = {{"Accept", "application/jwk-set+json, application/json"}},
         .timeout = answer_time},
        [this](const std::expected<http::ClientResponse, std::string>& answer) {
            take_answer(answer);
        }
    );
}

void KeySource::take_answer(const std::expected<http::ClientResponse, std::string>& answer) {
    std::string why;
    if (!answer) {
        why = answer.error();
    } else if (answer->status != 200) {
        why = fmt::format("it answered {}", answer->status);
    } else {
        const auto set = read_jwks(answer->body);
        if (set) {
            const std::scoped_lock lock(mutex_);
            answered_ = true;
            jwks_keys_ = set->keys;
            publish();
            spdlog::debug("{} has {} keys", places_.jwks, set->keys.size());
            return;
        }
        why = set.error();
    }
    spdlog::warn(
        "{}: {}; {}",
        places_.jwks,
        why,
        has_any() ? "the last good keys are used on" : "there are no keys yet"
    );
}

std::shared_ptr<const Keys> KeySource::keys() const {
    const std::scoped_lock lock(mutex_);
    return keys_;
}

}  // namespace bookstore::auth
