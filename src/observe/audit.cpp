#include "observe/audit.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/json.hpp"
#include "http/authentication.hpp"

namespace bookstore::observe {
namespace {

constexpr mode_t file_mode = 0640;
constexpr std::chrono::milliseconds most_pause{1000};
constexpr std::string_view other_addresses = "others";

int open_to_append(const std::string& path) {
    return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, file_mode);
}

/// What is no printable ASCII (a client sends anything) must not break a line.
std::string printable(std::string_view text) {
    constexpr std::size_t most = 512;
    std::string out;
    for (const char c : text.substr(0, most)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
    }
    return out;
}

std::string time_text(std::int64_t now_ms) {
    std::string text = iso_timestamp(now_ms);
    text.insert(text.size() - 1, fmt::format(".{:03}", now_ms % 1000));
    return text;
}

bool is_refusal(int status) {
    return status == 401 || status == 403;
}

std::string_view outcome_of(int status) {
    if (is_refusal(status)) {
        return "refused";
    }
    return status < 400 ? "done" : "failed";
}

std::string line_of(const http::Access& access, std::int64_t now_ms) {
    static const http::Identity nobody;
    const http::Request& request = *access.request;
    const http::Identity& who = request.identity ? *request.identity : nobody;
    std::string line;
    {
        json::Object fields(line);
        fields.member("time", time_text(now_ms))
            .member("subject", who.subject)
            .member("role", http::listed(who.roles))
            .member("address", access.peer)
            .member("action", printable(access.method))
            // Without a query: nothing of it is part of what was done, and it may hold anything.
            .member("what", printable(request.path))
            .member("outcome", outcome_of(access.status))
            .member("status", static_cast<std::int64_t>(access.status))
            .member("requestId", access.request_id);
    }
    line += '\n';
    return line;
}

}  // namespace

AuditLog::AuditLog(std::string path, const Clock& clock)
    : path_(std::move(path)), clock_(clock), fd_(open_to_append(path_)) {
    if (fd_ < 0) {
        throw std::system_error(errno, std::generic_category(), "--audit-log " + path_);
    }
    writer_ = std::thread([this] { write_until_stopped(); });
}

AuditLog::~AuditLog() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    writer_.join();
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

void AuditLog::know_routes(const std::vector<http::Route>& routes) {
    actions_.assign(routes.size() + 1, false);
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const bool reads = routes[i].method == http::Method::get && routes[i].head;
        actions_[i + 1] = routes[i].audience.is_operators_alone() && !reads;
    }
}

bool AuditLog::is_action(const http::Request& request) const {
    return request.route < actions_.size() && actions_[request.route];
}

void AuditLog::note(const http::Access& access) {
    if (access.request == nullptr) {
        return;
    }
    const bool refusal = is_refusal(access.status);
    if (!refusal && !is_action(*access.request)) {
        return;
    }
    const std::int64_t now_ms = clock_.now_ms();
    std::string line = line_of(access, now_ms);
    const std::scoped_lock lock(mutex_);
    if (refusal && is_summed_up(std::string(access.peer), now_ms / 1000)) {
        return;
    }
    push(std::move(line));
}

AuditLog::Counts AuditLog::counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
}

/// Called with the mutex held.
bool AuditLog::is_summed_up(const std::string& address, std::int64_t second) {
    if (second != second_) {
        sum_up();
        second_ = second;
    }
    auto found = refused_.find(address);
    if (found == refused_.end()) {
        const bool room = refused_.size() < most_addresses;
        found = refused_.try_emplace(room ? address : std::string(other_addresses)).first;
    }
    if (++found->second.times <= refusals_a_second) {
        return false;
    }
    ++found->second.summed_up;
    return true;
}

/// Says how many more there were in the second that is over. Called with the mutex held.
void AuditLog::sum_up() {
    for (const auto& [address, refused] : std::exchange(refused_, {})) {
        if (refused.summed_up == 0) {
            continue;
        }
        std::string line;
        {
            json::Object fields(line);
            fields.member("time", time_text(second_ * 1000))
                .member("address", address)
                .member("outcome", "refused")
                .member("more", static_cast<std::int64_t>(refused.summed_up));
        }
        push(line + '\n');
    }
}

/// Called with the mutex held.
void AuditLog::push(std::string line) {
    if (waiting_lines_ == most_waiting) {
        ++counts_.lost;
        return;
    }
    waiting_ += line;
    ++waiting_lines_;
    if (waiting_lines_ == 1) {
        wake_.notify_one();
    }
}

void AuditLog::write_until_stopped() {
    std::unique_lock lock(mutex_);
    for (bool last = false; !last;) {
        wake_.wait_for(lock, most_pause, [this] { return stopping_ || waiting_lines_ > 0; });
        last = stopping_;
        if (last || clock_.now_ms() / 1000 != second_) {
            sum_up();
        }
        const std::string lines = std::exchange(waiting_, {});
        const std::size_t count = std::exchange(waiting_lines_, 0);
        if (count == 0) {
            continue;
        }
        lock.unlock();
        open_if_moved();
        const bool written = write(lines);
        lock.lock();
        (written ? counts_.written : counts_.lost) += count;
    }
}

/// Somebody moves a log away to keep it, or removes it: what comes then belongs into a new one.
void AuditLog::open_if_moved() {
    struct stat there{};
    struct stat ours{};
    const bool same = fd_ >= 0 && ::stat(path_.c_str(), &there) == 0 && ::fstat(fd_, &ours) == 0 &&
                      there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
    if (same) {
        return;
    }
    const int opened = open_to_append(path_);
    if (opened < 0) {
        fail("opened", errno);
        return;  // the old one, if it is still open, is better than none
    }
    if (fd_ >= 0) {
        ::close(fd_);
    }
    fd_ = opened;
}

bool AuditLog::write(std::string_view lines) {
    while (!lines.empty()) {
        const ssize_t count = fd_ < 0 ? -1 : ::write(fd_, lines.data(), lines.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            fail("written", errno);
            return false;
        }
        lines.remove_prefix(static_cast<std::size_t>(count));
    }
    failing_ = false;
    return true;
}

/// Says so once, until it works again.
void AuditLog::fail(const char* doing, int error) {
    if (!std::exchange(failing_, true)) {
        spdlog::error(
            "the audit log {} cannot be {}: {}; lines are lost (bookstore_audit_lines_total)",
            path_,
            doing,
            std::generic_category().message(error)
        );
    }
}

}  // namespace bookstore::observe
