#include "http/token_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace bookstore::http {
namespace {

constexpr std::chrono::seconds pause{1};
constexpr std::size_t most_bytes = 8 << 10;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// RFC 6750 2.1: b64token.
bool is_of_token(char c) {
    constexpr std::string_view marks = "-._~+/=";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != marks.npos;
}

std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(most_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        throw std::runtime_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

}  // namespace

Header bearer(std::string_view token) {
    while (!token.empty() && is_blank(token.front())) {
        token.remove_prefix(1);
    }
    while (!token.empty() && is_blank(token.back())) {
        token.remove_suffix(1);
    }
    if (token.empty() || token.size() > most_bytes || !std::ranges::all_of(token, is_of_token)) {
        throw std::runtime_error("what is given as a token is none");
    }
    return {"Authorization", fmt::format("Bearer {}", token)};
}

TokenFile::TokenFile(std::string path) : path_(std::move(path)) {
    read();
}

/// Called by one thread at a time.
void TokenFile::read() {
    struct stat status{};
    looked_at_ = std::chrono::steady_clock::now();
    if (::stat(path_.c_str(), &status) == 0) {
        const std::int64_t modified_ns =
            std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
        if (!token_.empty() && modified_ns == modified_ns_ && status.st_ino == inode_) {
            return;
        }
        modified_ns_ = modified_ns;
        inode_ = status.st_ino;
    }
    try {
        token_ = bearer(text_of(path_)).value;
    } catch (const std::runtime_error& error) {
        if (token_.empty()) {
            throw std::runtime_error(fmt::format("{}: {}", path_, error.what()));
        }
    }
}

Header TokenFile::header() {
    const std::scoped_lock lock(mutex_);
    if (std::chrono::steady_clock::now() - looked_at_ >= pause) {
        read();
    }
    return {"Authorization", token_};
}

}  // namespace bookstore::http
