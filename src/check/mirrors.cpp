#include "check/mirrors.hpp"

#include <cstdint>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <utility>

#include "check/sqlite_file.hpp"

namespace bookstore::check {
namespace {

/// How far a topic that is a mirror has come.
struct Mirror {
    std::string partition;
    std::int64_t length;
    std::string hash;
};

std::string hash_at(const SqliteFile& file, std::int64_t length) {
    auto row = file.rows(fmt::format("SELECT hash FROM mirrored WHERE position = {}", length));
    return row.next() ? row.string(0) : std::string();
}

/// Nothing: it is a log of its own.
std::optional<Mirror> mirror_in(const Options& options, const Place& topic) {
    const SqliteFile file(topic.path, options.access, options.vfs);
    if (file.number("SELECT count(*) FROM sqlite_master WHERE name = 'partition'") == 0) {
        return std::nullopt;  // it is of an older version
    }
    auto row = file.rows("SELECT topic FROM partition");
    if (!row.next()) {
        return std::nullopt;
    }
    const std::int64_t length = file.number("SELECT coalesce(max(position), 0) FROM event");
    return Mirror{row.string(0), length, hash_at(file, length)};
}

void check_prefix(
    const Options& options,
    const Part& longer,
    const Part& shorter,
    const Mirror& mirror,
    Findings& findings
) {
    const SqliteFile file(longer.topic.path, options.access, options.vfs);
    if (hash_at(file, mirror.length) != mirror.hash) {
        findings.add(
            "{} and {} are mirrors of the topic {}, but the first {} events of them differ",
            longer.topic.path,
            shorter.topic.path,
            mirror.partition,
            mirror.length
        );
    }
}

}  // namespace

std::vector<Part> with_joined_mirrors(
    const Options& options, const std::vector<Part>& parts, Findings& findings
) {
    struct Joined {
        Part part;
        std::optional<Mirror> mirror;
    };
    std::vector<Joined> joined;
    for (const Part& part : parts) {
        auto mirror = mirror_in(options, part.topic);
        const auto same = std::ranges::find_if(joined, [&mirror](const Joined& other) {
            return mirror && other.mirror && other.mirror->partition == mirror->partition;
        });
        if (same == joined.end()) {
            joined.push_back({part, std::move(mirror)});
            continue;
        }
        Joined other{part, std::move(mirror)};
        if (other.mirror->length > same->mirror->length) {
            std::swap(other, *same);
        }
        check_prefix(options, same->part, other.part, *other.mirror, findings);
        std::ranges::move(other.part.contexts, std::back_inserter(same->part.contexts));
        std::ranges::move(other.part.mirrors, std::back_inserter(same->part.mirrors));
        same->part.mirrors.push_back(std::move(other.part.topic));
    }
    std::vector<Part> result;
    for (Joined& each : joined) {
        result.push_back(std::move(each.part));
    }
    return result;
}

}  // namespace bookstore::check
