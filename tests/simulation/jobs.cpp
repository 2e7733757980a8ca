#include "simulation/jobs.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <span>
#include <system_error>
#include <vector>

namespace bookstore::test {
namespace {

/// What the processes share.
struct Shared {
    std::atomic<std::int64_t> next{0};  ///< the run that is taken next
    std::atomic<std::int64_t> broken{0};
};

/// What one of them has to say.
struct Report {
    Tally sum;
    std::uint64_t seed = 0;  ///< that it runs, or ran last
};

/// Zeros that processes which are forked from now on share with this one.
template <class T>
class SharedMemory {
  public:
    explicit SharedMemory(std::size_t count) : bytes_(count * sizeof(T)) {
        void* const begin =
            mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (begin == MAP_FAILED) {
            throw std::system_error(errno, std::generic_category(), "mmap");
        }
        items_ = {static_cast<T*>(begin), count};
        std::ranges::for_each(items_, [](T& item) { new (&item) T(); });
    }
    ~SharedMemory() { munmap(items_.data(), bytes_); }
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    T& operator[](std::size_t place) { return items_[place]; }

  private:
    std::size_t bytes_;
    std::span<T> items_;
};

void run_seeds(const Jobs& jobs, Shared& shared, Report& report, const RunSeed& run) {
    while (shared.broken < jobs.most_broken) {
        const std::int64_t next = shared.next.fetch_add(1);
        if (next >= jobs.runs) {
            return;
        }
        report.seed = jobs.seed + static_cast<std::uint64_t>(next);
        if (!run(report.seed, report.sum)) {
            ++shared.broken;
        }
    }
}

}  // namespace

JobsResult run_jobs(
    const Jobs& jobs, const RunSeed& run, const std::function<void(std::uint64_t seed)>& ended
) {
    const auto count =
        static_cast<std::size_t>(std::clamp<std::int64_t>(jobs.processes, 1, jobs.runs));
    SharedMemory<Shared> memory(1);
    Shared& shared = memory[0];
    SharedMemory<Report> reports(count);
    if (count == 1) {
        run_seeds(jobs, shared, reports[0], run);
    } else {
        std::fflush(nullptr);  // or each would print it once more
        std::vector<pid_t> children;
        for (std::size_t place = 0; place < count; ++place) {
            const pid_t child = fork();
            if (child == 0) {
                run_seeds(jobs, shared, reports[place], run);
                std::exit(EXIT_SUCCESS);
            }
            if (child < 0) {
                shared.broken = jobs.most_broken;  // those that run come to an end
                throw std::system_error(errno, std::generic_category(), "fork");
            }
            children.push_back(child);
        }
        for (std::size_t place = 0; place < count; ++place) {
            int status = 0;
            if (waitpid(children[place], &status, 0) < 0 || status != 0) {
                ++shared.broken;
                ended(reports[place].seed);
            }
        }
    }
    JobsResult result;
    result.runs = std::min(shared.next.load(), jobs.runs);
    result.broken = shared.broken;
    for (std::size_t place = 0; place < count; ++place) {
        result.sum += reports[place].sum;
    }
    return result;
}

}  // namespace bookstore::test
