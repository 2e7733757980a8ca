#include "backup/backup_routes.hpp"

#include <boost/json/object.hpp>

#include "base/json.hpp"
#include "kernel/cross_origin.hpp"
#include "kernel/fields.hpp"
#include "kernel/hal.hpp"
#include "kernel/module.hpp"
#include "kernel/schema.hpp"

namespace bookstore::backup {
namespace {

using http::Done;
using http::Request;

/// The body of the request.
struct BackupRequest {
    std::string directory;
};

const kernel::Fields<BackupRequest>& backup_request_fields() {
    static const auto fields =
        kernel::Fields<BackupRequest>().text("directory", &BackupRequest::directory);
    return fields;
}

struct FileResource {
    static constexpr std::string_view schema_name = "BackupFile";
    std::string name;
    std::int64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(FileResource, (), (name, bytes))

struct EmbeddedFiles {
    static constexpr std::string_view schema_name = "BackupEmbedded";
    std::vector<FileResource> files;
};
BOOST_DESCRIBE_STRUCT(EmbeddedFiles, (), (files))

struct BackupResource {
    static constexpr std::string_view schema_name = "Backup";
    std::string directory;
    json::Timestamp taken_at;
    std::int64_t topic_position = 0;
    std::int64_t bytes = 0;
    json::Thousandths writers_stood_ms;
    std::int64_t took_ms = 0;
    EmbeddedFiles _embedded;
    kernel::LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(
    BackupResource,
    (),
    (directory, taken_at, topic_position, bytes, writers_stood_ms, took_ms, _embedded, _links)
)

/// The connection is an operator's, by the listener that it came to; or, where operators have none,
/// from this machine, by its address, and not a proxy's that is known as one. What others add to a
/// request lets nobody in; it may tell that there is a proxy.
bool is_local(const Request& request) {
    if (request.door == http::Door::operators) {
        return true;
    }
    return request.from_loopback && !request.from_trusted_proxy && !request.header("Forwarded") &&
           !request.header("X-Forwarded-For") && !request.header("X-Real-IP") &&
           !request.header("X-Forwarded-Host") && !request.header("X-Forwarded-Proto") &&
           !request.header("Via");
}

http::Response shown(const Request& request, const Backup& backup) {
    BackupResource resource{
        .directory = backup.directory,
        .taken_at = {backup.taken_at_ms},
        .topic_position = backup.topic_position,
        .bytes = backup.bytes,
        .writers_stood_ms = {backup.writers_stood_us},
        .took_ms = backup.took_ms,
        ._embedded = {},
        ._links = {}
    };
    for (const Backup::File& file : backup.files) {
        resource._embedded.files.push_back({file.name, file.bytes});
    }
    resource._links.add("self", request.base_url() + "/backups");
    return kernel::hal_response(request, json::text_of(resource));
}

/// POST /backups takes a backup of everything, and answers when it is whole.
void take_backup(Backups& backups, const Request& request, const Done& done) {
    if (auto problem = kernel::refuse_cross_origin(request)) {
        done(std::move(*problem));
        return;
    }
    if (!is_local(request)) {
        done(kernel::problem(
            403,
            "backups are taken at the operators' listener (--operator-listen), or from the "
            "server's own "
            "machine"
        ));
        return;
    }
    const auto wanted = backup_request_fields().read(request);
    if (!wanted) {
        done(wanted.error());
        return;
    }
    const bool begun = backups.begin(wanted->directory, [&request, done](Backups::Result result) {
        if (const auto* backup = std::get_if<Backup>(&result)) {
            done(shown(request, *backup));
            return;
        }
        const auto& why = std::get<NoBackup>(result);
        done(
            why.status() == 503 ? kernel::unavailable(why.what())
                                : kernel::problem(why.status(), why.what())
        );
    });
    if (!begun) {
        done(kernel::problem(409, "a backup is under way: wait for its end"));
    }
}

}  // namespace

kernel::Endpoint backups_endpoint(Backups& backups) {
    kernel::Endpoint endpoint{.route = {.audience = http::Audience::operators}};
    endpoint.route.method = http::Method::post;
    endpoint.route.pattern = "/backups";
    endpoint.route.consumes = http::Consumes::json;
    endpoint.route.head = false;
    endpoint.route.handler = [&backups](const Request& request, const Done& done) {
        take_backup(backups, request, done);
    };
    endpoint.operation = {
        .tag = "process",
        .id = "takeBackup",
        .summary = "Copy everything, as of one moment, into a directory",
        .description =
            "From the server's own machine alone. The directory is an absolute path there; it must "
            "not exist, or be empty. The answer comes when the backup is whole; a client that goes "
            "away before ends nothing.",
        .body =
            kernel::RequestBody{
                .schema = "BackupOrder",
                .fields = backup_request_fields().specs(),
                .merge_patch = false,
                .example = boost::json::object{{"directory", "/var/backups/bookstore/2026-11-25"}}
            },
        .replies =
            {{.status = 200,
              .description = "what was copied",
              .type = "hal",
              .schema = kernel::schema_of<BackupResource>()},
             {.status = 400, .description = "the directory is no place for a backup"},
             {.status = 403, .description = "another machine, or a page of another origin, sent it"
             },
             {.status = 409, .description = "the directory is not empty, or a backup is under way"},
             {.status = 500, .description = "it failed; the log says why"},
             {.status = 503,
              .description = "a context hangs, or the process ends",
              .headers = {"Retry-After"}},
             {.status = 507, .description = "the disk of the directory is full"}}
    };
    return endpoint;
}

}  // namespace bookstore::backup
