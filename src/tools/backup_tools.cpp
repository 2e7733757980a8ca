#include "tools/backup_tools.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "app/check_contexts.hpp"
#include "backup/backup.hpp"
#include "base/json.hpp"
#include "check/check.hpp"
#include "http/client.hpp"
#include "storage/directory.hpp"

namespace bookstore::tools {
namespace {

constexpr std::chrono::hours longest_backup{24};
constexpr int cannot_check = 2;

void print(const backup::Backup& backup) {
    for (const backup::Backup::File& file : backup.files) {
        fmt::print("{:>15} {}\n", file.bytes, file.name);
    }
    fmt::print(
        "{}: {} bytes, up to event {}, in {} ms\n",
        backup.directory,
        backup.bytes,
        backup.topic_position,
        backup.took_ms
    );
}

backup::Backup backup_in(const boost::json::object& answer) {
    backup::Backup backup;
    backup.directory = answer.at("directory").as_string();
    backup.bytes = answer.at("bytes").as_int64();
    backup.topic_position = answer.at("topicPosition").as_int64();
    backup.took_ms = answer.at("tookMs").as_int64();
    for (const auto& file : answer.at("_embedded").at("files").as_array()) {
        backup.files.push_back(
            {std::string(file.at("name").as_string()), file.at("bytes").as_int64()}
        );
    }
    return backup;
}

backup::Backup ask_server(const BackupOptions& options, const std::string& directory) {
    std::string body = R"({"directory":)";
    json::append(body, directory);
    body += '}';
    const std::string base =
        options.url.ends_with('/') ? options.url.substr(0, options.url.size() - 1) : options.url;
    const auto answer = http::fetch(
        http::Method::post,
        http::parse_url(base + "/backups"),
        body,
        {{"Content-Type", "application/json"}},
        longest_backup
    );
    boost::json::error_code error;
    const auto said = boost::json::parse(answer.body, error);
    if (answer.status == 200 && !error) {
        return backup_in(said.as_object());
    }
    const auto* message =
        !error && said.is_object() ? said.as_object().if_contains("message") : nullptr;
    throw std::runtime_error(fmt::format(
        "{} answered {}: {}",
        options.url,
        answer.status,
        message != nullptr && message->is_string() ? std::string(message->as_string()) : answer.body
    ));
}

backup::Backup of_directory(
    const std::string& data_dir, const std::string& directory, const host::Contexts& contexts
) {
    if (!std::filesystem::exists(data_dir + "/topic.db")) {
        throw storage::Refused(data_dir + " is no data directory: it has no topic.db");
    }
    backup::refuse_half_backup(data_dir);
    std::optional<storage::DirectoryLock> lock;
    try {
        lock.emplace(data_dir);
    } catch (const storage::Refused&) {
        throw storage::Refused(
            "the data directory " + data_dir +
            " is held by a running bookstore: ask it, by --url in place of --data-dir"
        );
    }
    return backup::back_up_directory(data_dir, directory, host::file_names(contexts));
}

/// Nobody holds the directory as long as this is there. A backup has no file to be held by, and
/// none is made.
class Unheld {
  public:
    explicit Unheld(const std::string& directory)
        : fd_(::open((directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC)) {
        if (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
            ::close(fd_);
            throw std::runtime_error(
                "the data directory " + directory +
                " is held by a running bookstore: stop it, or take a backup and check that"
            );
        }
    }
    ~Unheld() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    Unheld(const Unheld&) = delete;
    Unheld& operator=(const Unheld&) = delete;

  private:
    int fd_;
};

void print(const CheckOptions& options, const check::Report& report) {
    for (const std::string& violation : report.violations) {
        fmt::print("{}\n", violation);
    }
    const auto shown = static_cast<std::int64_t>(report.violations.size());
    if (report.violation_count > shown) {
        fmt::print("... and {} more\n", report.violation_count - shown);
    }
    if (!report.compared) {
        fmt::print("the contents were not compared: restore a backup\n");
    } else {
        fmt::print(
            "{} orders ({} not verified, {} not settled yet), {} events ({} more not relayed), {} "
            "held, {} of them parked\n",
            report.orders,
            report.unverified,
            report.unsettled,
            report.events,
            report.unrelayed,
            report.held,
            report.parked
        );
        if (report.skipped > 0) {
            fmt::print(
                "{} orders were not compared: an operator had an event of each skipped\n",
                report.skipped
            );
        }
        if (!report.van_compared) {
            fmt::print(
                "VAN's ledger was not compared: {} has no van.db (--van-data-dir says where VAN "
                "ran)\n",
                options.data_dir
            );
        }
    }
    if (report.violation_count == 0) {
        fmt::print("{}: everything holds\n", options.data_dir);
    } else {
        fmt::print("{}: {} violations\n", options.data_dir, report.violation_count);
    }
}

}  // namespace

int back_up(const BackupOptions& options, const host::Contexts& contexts) {
    // The server's working directory is another one.
    const std::string directory = std::filesystem::absolute(options.directory).string();
    print(
        options.data_dir.empty() ? ask_server(options, directory)
                                 : of_directory(options.data_dir, directory, contexts)
    );
    return 0;
}

int check_directory(const CheckOptions& options, const host::Contexts& contexts) {
    try {
        backup::refuse_half_backup(options.data_dir);
        const Unheld unheld(options.data_dir);
        std::optional<Unheld> van_unheld;
        if (!options.van_data_dir.empty() && options.van_data_dir != options.data_dir) {
            van_unheld.emplace(options.van_data_dir);
        }
        const auto report = check::check(
            {.contexts = app::check_contexts(contexts),
             .data_dir = options.data_dir,
             .van_data_dir = options.van_data_dir}
        );
        print(options, report);
        return report.violation_count == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "bookstore: {}\n", error.what());
        return cannot_check;
    }
}

}  // namespace bookstore::tools
