#include "backup/backup_routes.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "kernel/cross_origin.hpp"
#include "kernel/fields.hpp"
#include "kernel/hal.hpp"
#include "kernel/module.hpp"

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

constexpr auto backup_schema = R"({
    "type": "object",
    "required": ["directory", "takenAt", "topicPosition", "bytes", "writersStoodMs", "tookMs",
                 "_embedded", "_links"],
    "properties": {
        "directory": {"type": "string"},
        "takenAt": {"type": "string", "format": "date-time"},
        "topicPosition": {"type": "integer"},
        "bytes": {"type": "integer"},
        "writersStoodMs": {"type": "number"},
        "tookMs": {"type": "integer"},
        "_embedded": {"type": "object", "required": ["files"], "properties": {"files": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "bytes"],
                "properties": {"name": {"type": "string"}, "bytes": {"type": "integer"}}
            }
        }}},
        "_links": {"$ref": "#/components/schemas/LinkMap"}
    }
})";

/// The request came from this machine, and not for somebody else through a proxy on it.
bool is_local(const Request& request) {
    return request.from_loopback && !request.header("Forwarded") &&
           !request.header("X-Forwarded-For") && !request.header("X-Real-IP") &&
           !request.header("X-Forwarded-Host") && !request.header("X-Forwarded-Proto") &&
           !request.header("Via");
}

http::Response shown(const Request& request, const Backup& backup) {
    std::string out;
    const auto member = [&out](std::string_view name, const auto& value) {
        json::append(out, name);
        out += ':';
        json::append(out, value);
        out += ',';
    };
    out += '{';
    member("directory", backup.directory);
    member("takenAt", iso_timestamp(backup.taken_at_ms));
    member("topicPosition", backup.topic_position);
    member("bytes", backup.bytes);
    out += fmt::format(
        R"("writersStoodMs":{}.{:03},)",
        backup.writers_stood_us / 1000,
        backup.writers_stood_us % 1000
    );
    member("tookMs", backup.took_ms);
    out += R"("_embedded":{"files":[)";
    for (const Backup::File& file : backup.files) {
        out += '{';
        member("name", file.name);
        member("bytes", file.bytes);
        out.back() = '}';
        out += ',';
    }
    out.back() = ']';
    out += R"(},"_links":{"self":{"href":)";
    json::append(out, request.base_url() + "/backups");
    return kernel::hal_response(request, out + "}}}");
}

/// POST /backups takes a backup of everything, and answers when it is whole.
void take_backup(Backups& backups, const Request& request, const Done& done) {
    if (auto problem = kernel::refuse_cross_origin(request)) {
        done(std::move(*problem));
        return;
    }
    if (!is_local(request)) {
        done(kernel::problem(403, "backups are taken from the server's own machine alone"));
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
    kernel::Endpoint endpoint;
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
                .example = R"({"directory":"/var/backups/bookstore/2026-11-25"})"
            },
        .replies =
            {{.status = 200,
              .description = "what was copied",
              .type = "hal",
              .schema = backup_schema},
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
