#include "support/storage_fixture.hpp"

#include <spdlog/spdlog.h>

#include <exception>

namespace bookstore::test {
namespace {

const storage::Sql insert_note{"test", "INSERT INTO note(text, body) VALUES (?1, ?2)"};
const storage::Sql select_notes{"test", "SELECT text FROM note ORDER BY id"};

}  // namespace

std::string notes_in(storage::Connection& db) {
    std::string all;
    auto statement = db.prepare(select_notes);
    while (statement.step()) {
        all += (all.empty() ? "" : " ") + statement.string(0);
    }
    return all;
}

const char* word_of(storage::Outcome::Kind kind) {
    switch (kind) {
        case storage::Outcome::Kind::committed:
            return "committed";
        case storage::Outcome::Kind::rolled_back:
            return "rolled back";
        case storage::Outcome::Kind::failed:
            return "failed";
        case storage::Outcome::Kind::unknown:
            return "unknown";
    }
    return "?";
}

std::string what_of(const storage::Outcome& outcome) {
    try {
        if (outcome.error) {
            std::rethrow_exception(outcome.error);
        }
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

Quiet::Quiet() : level_(spdlog::get_level()) {
    spdlog::set_level(spdlog::level::off);
}

Quiet::~Quiet() {
    spdlog::set_level(static_cast<spdlog::level::level_enum>(level_));
}

void StorageFixture::open() {
    storage::Database::Options options;
    options.path = "notes.db";
    options.vfs = vfs.name();
    options.read_limit_ms = read_limit_ms;
    options.ring = [this] { ++rung; };
    db.emplace(std::move(options));
    db->writer().connection().execute(
        "CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "text TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT"
    );
}

void StorageFixture::crash(Crash kind) {
    vfs.crash(kind);
    gone = true;
    db.reset();
    gone = false;
    vfs.restart();
    open();
}

void StorageFixture::submitted(const std::string& text, Run run, bool durable) {
    db->writer().submit(
        {.durable = durable,
         .run = std::move(run),
         .done =
             [this, text](const storage::Outcome& outcome) {
                 if (!gone) {
                     outcomes.insert_or_assign(text, outcome);
                 }
             }}
    );
}

void StorageFixture::write(
    storage::Connection& connection, const std::string& text, std::size_t bytes
) {
    connection.prepare(insert_note).bind(text, std::string(bytes, 'x')).run();
}

void StorageFixture::note(const std::string& text, bool durable, std::size_t bytes) {
    submitted(
        text,
        [text, bytes](storage::Connection& connection) {
            write(connection, text, bytes);
            return true;
        },
        durable
    );
}

void StorageFixture::wrote(const std::string& text, bool durable, std::size_t bytes) {
    note(text, durable, bytes);
    while (step()) {
    }
}

std::string StorageFixture::outcome(const std::string& text) const {
    const auto found = outcomes.find(text);
    return found == outcomes.end() ? "not told" : word_of(found->second.kind);
}

std::string StorageFixture::notes() {
    const storage::Reader reader = db->read();
    return notes_in(*reader);
}

std::string StorageFixture::integrity() {
    return db->writer().connection().query_text("PRAGMA integrity_check").value_or("nothing");
}

}  // namespace bookstore::test
