#include "storage/trouble.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace bookstore::storage {

void StorageTrouble::failed(std::string_view why) {
    const bool first = healthy_.exchange(false, std::memory_order_relaxed);
    const auto level = first ? spdlog::level::err : spdlog::level::debug;
    if (why.starts_with(who_ + ": ")) {  // a file's own error says which file
        spdlog::log(level, "{}", why);
    } else {
        spdlog::log(level, "{}: {}", who_, why);
    }
}

void StorageTrouble::failed(std::string_view why, std::int64_t steady_ms) {
    failed(why);
    pause(steady_ms);
}

std::int64_t StorageTrouble::pause_left_ms(std::int64_t steady_ms) const {
    return retry_at_ms_ ? std::max<std::int64_t>(*retry_at_ms_ - steady_ms, 0) : 0;
}

bool StorageTrouble::may_try(std::int64_t steady_ms) {
    if (pause_left_ms(steady_ms) > 0) {
        return false;
    }
    retry_at_ms_.reset();
    return true;
}

}  // namespace bookstore::storage
