#include "backup/backup.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "tools/offline_directory.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

constexpr std::chrono::hours longest_backup{24};

struct Options {
    std::string directory;  ///< the backup's
    Place place;
};

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

backup::Backup backup_of_server(const ServerPlace& server, const std::string& directory) {
    return backup_in(ServerClient(server).object(
        {.method = http::Method::post,
         .target = "/backups",
         .body = boost::json::serialize(boost::json::object{{"directory", directory}}),
         .timeout = longest_backup}
    ));
}

backup::Backup backup_of_directory(
    const std::string& data_dir, const std::string& directory, const host::Contexts& contexts
) {
    const OfflineDirectory offline(
        data_dir,
        "the data directory " + data_dir +
            " is held by a running bookstore: ask it, by --url in place of --data-dir"
    );
    return backup::back_up_directory(data_dir, directory, host::file_names(contexts));
}

/// Takes a backup and prints what was copied.
int run(const Options& options, const host::Contexts& contexts) {
    const Place& place = options.place;
    // The server's working directory is another one.
    const std::string directory = std::filesystem::absolute(options.directory).string();
    print(
        place.is_offline() ? backup_of_directory(place.data_dir, directory, contexts)
                           : backup_of_server(place.server, directory)
    );
    return 0;
}

}  // namespace

Run declare_backup(CLI::App& app, const Program& program) {
    auto options = std::make_unique<Options>();
    app.add_option("directory", options->directory, "To make; or an empty one")->required();
    add_place(app, options->place);
    return [options = std::move(options), &program] { return run(*options, program.contexts); };
}

}  // namespace bookstore::tools
