#include "observe/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace bookstore::observe {
namespace {

std::string text_of_file(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// The fields of /proc/self/stat from the third on: those before are the id and the name, which may
/// hold blanks.
std::vector<std::uint64_t> numbers_of_stat() {
    const std::string text = text_of_file("/proc/self/stat");
    std::vector<std::uint64_t> numbers;
    auto at = text.rfind(')');
    while (at != std::string::npos) {
        at = text.find(' ', at);
        if (at != std::string::npos) {
            ++at;
            numbers.push_back(number_in(std::string_view(text).substr(at)));
        }
    }
    return numbers;
}

/// When the system was started, in seconds since 1970.
std::uint64_t boot_seconds() {
    const std::string text = text_of_file("/proc/stat");
    constexpr std::string_view key = "\nbtime ";
    const auto at = text.find(key);
    return at == std::string::npos ? 0 : number_in(std::string_view(text).substr(at + key.size()));
}

/// To the microsecond; /proc counts in hundredths of a second.
double cpu_seconds() {
    rusage usage{};
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t open_fds() {
    std::error_code failed;
    std::filesystem::directory_iterator entries("/proc/self/fd", failed);
    if (failed) {
        return 0;
    }
    const auto count = std::distance(begin(entries), std::filesystem::directory_iterator());
    return static_cast<std::uint64_t>(count) - 1;  // but the one that reads them
}

}  // namespace

ProcessStats process_stats() {
    // Places behind the name, by proc(5): the first here is field 3.
    constexpr std::size_t threads = 17;
    constexpr std::size_t start_time = 19;
    constexpr std::size_t virtual_bytes = 20;
    constexpr std::size_t resident_pages = 21;
    ProcessStats stats;
    const auto fields = numbers_of_stat();
    if (fields.size() > resident_pages) {
        const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
        stats.start_time_seconds =
            static_cast<double>(boot_seconds()) + static_cast<double>(fields[start_time]) / ticks;
        stats.threads = fields[threads];
        stats.virtual_bytes = fields[virtual_bytes];
        stats.resident_bytes =
            fields[resident_pages] * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    }
    stats.cpu_seconds = cpu_seconds();
    stats.open_fds = open_fds();
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        stats.max_fds = limit.rlim_cur;
    }
    return stats;
}

}  // namespace bookstore::observe
