#include "kernel/rebuild.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "bus/parked.hpp"
#include "kernel/hal.hpp"
#include "kernel/module.hpp"

namespace bookstore::kernel {
namespace {

std::string second_of(const std::string& table) {
    return table + "_rebuild";
}

/// While one is under way: an index by customer is written all over, and its pages stay in memory.
constexpr auto large_cache = "PRAGMA cache_size = -8192";
constexpr auto usual_cache = "PRAGMA cache_size = -2000; PRAGMA shrink_memory";  // SQLite's default

/// Events in a transaction. The rows of a customer lie together in an index, hence those of a batch
/// all over it: the larger it is, the less often each page is written.
constexpr std::size_t batch = 64 * 1024;

constexpr auto rebuild_schema = R"({
    "type": "object",
    "required": ["name", "state", "position", "end", "startedAt", "endedAt", "_links"],
    "properties": {
        "name": {"type": "string"},
        "state": {"type": "string", "enum": ["none", "building", "done", "failed"]},
        "position": {"type": "integer", "minimum": 0},
        "end": {"type": "integer", "minimum": 0},
        "startedAt": {"type": ["string", "null"], "format": "date-time"},
        "endedAt": {"type": ["string", "null"], "format": "date-time"},
        "failure": {"type": "string"},
        "_links": {"$ref": "#/components/schemas/LinkMap"}
    }
})";

std::string what(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const std::exception& e) {
        return e.what();
    }
    return "it was rolled back";
}

}  // namespace

Rebuild::Rebuild(
    Options options,
    bus::Subscription& live,
    storage::Database& database,
    bus::Topic& topic,
    const Clock& clock
)
    : options_(std::move(options)),
      live_(live),
      database_(database),
      topic_(topic),
      clock_(clock) {}

void Rebuild::drop_leftovers() {
    storage::Connection& db = database_.writer().connection();
    const auto left = db.query_text(
        fmt::format("SELECT name FROM sqlite_schema WHERE name = '{}'", second_of(options_.table))
    );
    if (!left) {
        return;
    }
    db.execute("BEGIN IMMEDIATE");
    db.execute("DROP TABLE " + second_of(options_.table));
    options_.make()->clear(db);
    db.execute("COMMIT");
}

void Rebuild::create_table(storage::Connection& db, const std::string& table) {
    // The served table's own definition: its constraints, hence its indexes, come along, and are
    // renamed with it. (An index of its own name would not be.)
    const auto sql = db.query_text(fmt::format(
        "SELECT substr(sql, instr(sql, '(')) FROM sqlite_schema WHERE name = '{}'", table
    ));
    db.execute("DROP TABLE IF EXISTS " + second_of(table));
    db.execute("CREATE TABLE " + second_of(table) + sql.value());
}

void Rebuild::submit(
    std::function<void(storage::Connection&)> run, std::function<void()> committed
) {
    submitted_ = true;
    database_.writer().submit({
        .durable = true,
        .run =
            [run = std::move(run)](storage::Connection& db) {
                run(db);
                return true;
            },
        .done =
            [this, committed = std::move(committed)](const storage::Outcome& outcome) {
                submitted_ = false;
                if (outcome.kind != storage::Outcome::Kind::committed) {
                    end(what(outcome.error));
                    return;
                }
                try {
                    committed();
                } catch (const std::exception& error) {
                    end(error.what());  // the writer tells others after us
                }
            },
    });
}

bool Rebuild::begin() {
    if (phase_ != Phase::idle) {
        return false;
    }
    {
        const std::scoped_lock lock(mutex_);
        progress_ = {};
        progress_.state = "building";
        progress_.started_ms = clock_.now_ms();
        progress_.end = topic_.end();
    }
    create();
    return true;
}

void Rebuild::create() {
    phase_ = Phase::creating;
    second_ = options_.make();
    submit(
        [this](storage::Connection& db) {
            create_table(db, options_.table);
            second_->clear(db);
            second_->pass_over(bus::Parked(live_.name()).skipped(db));
        },
        [this] {
            database_.writer().connection().execute(large_cache);
            second_->in_batches_of(batch).start();
            phase_ = Phase::building;
        }
    );
}

bool Rebuild::step() {
    if (phase_ != Phase::building || submitted_) {
        return false;
    }
    const bool did = second_->step();
    {
        const std::scoped_lock lock(mutex_);
        progress_.position = second_->position();
        progress_.end = topic_.end();
    }
    if (!did && second_->idle()) {
        replace();
        return true;
    }
    return did;
}

void Rebuild::replace() {
    phase_ = Phase::replacing;
    submit(
        [this](storage::Connection& db) {
            outdated_ = bus::Parked(live_.name()).skipped(db) != second_->passed_over();
            if (outdated_) {
                return;
            }
            db.execute("DROP TABLE " + options_.table);
            db.execute(fmt::format(
                "ALTER TABLE {} RENAME TO {}", second_of(options_.table), options_.table
            ));
            live_.replace_by(db, *second_);
        },
        [this] {
            if (outdated_) {
                create();
                return;
            }
            live_.reload();
            end({});
        }
    );
}

void Rebuild::end(std::string failure) {
    phase_ = Phase::idle;
    second_.reset();
    shrink_cache();
    const std::scoped_lock lock(mutex_);
    progress_.ended_ms = clock_.now_ms();
    progress_.state = failure.empty() ? "done" : "failed";
    progress_.failure = failure;
    if (failure.empty()) {
        progress_.position = progress_.end;
        spdlog::info("{} was rebuilt from {} events", options_.name, progress_.end);
    } else {
        spdlog::error("{} was not rebuilt: {}", options_.name, failure);
    }
}

void Rebuild::shrink_cache() {
    if (database_.writer().wants_opening()) {
        return;  // what is opened again has the usual one
    }
    try {
        database_.writer().connection().execute(usual_cache);
    } catch (const storage::Error& error) {  // it reads the file's schema
        spdlog::debug("{}: its cache stays large: {}", options_.name, error.what());
    }
}

std::optional<std::int64_t> Rebuild::next_due_ms() const {
    return phase_ == Phase::building ? second_->next_due_ms() : std::nullopt;
}

std::string Rebuild::failure() const {
    const std::scoped_lock lock(mutex_);
    return progress_.failure;
}

http::Response Rebuild::shown(const http::Request& request, int status) const {
    const std::scoped_lock lock(mutex_);
    http::Response response;
    response.status = status;
    response.content_type = hal_type(request);
    std::string& out = response.body;
    const auto time = [](std::optional<std::int64_t> ms) {
        return ms ? std::optional(iso_timestamp(*ms)) : std::nullopt;
    };
    out += R"({"name":)";
    json::append(out, options_.name);
    out += R"(,"state":)";
    json::append(out, progress_.state);
    out += R"(,"position":)";
    json::append(out, progress_.position);
    out += R"(,"end":)";
    json::append(out, progress_.end);
    out += R"(,"startedAt":)";
    json::append(out, time(progress_.started_ms));
    out += R"(,"endedAt":)";
    json::append(out, time(progress_.ended_ms));
    if (!progress_.failure.empty()) {
        out += R"(,"failure":"see the log")";
    }
    out += R"(,"_links":{"self":{"href":)";
    json::append(out, request.base_url() + "/rebuilds/" + options_.name);
    out += "}}}";
    return response;
}

void Rebuild::add_routes(Module& module) {
    add_begin(module);
    Endpoint progress;
    progress.route.pattern = "/rebuilds/" + options_.name;
    progress.operation =
        {.tag = "rebuilds",
         .id = "get-rebuild-of-" + options_.name,
         .summary = "How far the last rebuild came",
         .replies = {
             {.status = 200, .description = "its progress", .type = "hal", .schema = rebuild_schema}
         }};
    module.query(std::move(progress), [this](const http::Request& request, storage::Connection&) {
        return shown(request, 200);
    });
}

/// POST /rebuilds/NAME begins one: 202; 409 while one is under way.
void Rebuild::add_begin(Module& module) {
    Endpoint begin;
    begin.route.method = http::Method::post;
    begin.route.pattern = "/rebuilds/" + options_.name;
    begin.operation = {
        .tag = "rebuilds",
        .id = "rebuild-" + options_.name,
        .summary = "Rebuild the read model from the event log",
        .description = "The rows that are there are served until the new ones take their place.",
        .replies =
            {{.status = 202,
              .description = "it has begun",
              .type = "hal",
              .schema = rebuild_schema,
              .headers = {"Location"}},
             {.status = 403, .description = "a page of another origin sent it"},
             {.status = 409, .description = "one is under way"}}
    };
    module.command(
        std::move(begin),
        [this](const http::Request& request, const storage::Reader&) -> Next {
            if (auto problem = refuse_cross_origin(request)) {
                return {std::move(*problem)};
            }
            // The write may be run twice: what it began the first time is no other one.
            const auto begun = std::make_shared<bool>(false);
            return {Write{[this, &request, begun](bus::UnitOfWork&) -> http::Answer {
                *begun = *begun || this->begin();
                if (!*begun) {
                    return problem(409, "a rebuild of " + options_.name + " is under way");
                }
                auto response = shown(request, 202);
                response.headers.push_back(
                    {"Location", request.base_url() + "/rebuilds/" + options_.name}
                );
                return response;
            }}};
        }
    );
}

}  // namespace bookstore::kernel
