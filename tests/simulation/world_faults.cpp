#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <climits>
#include <iterator>
#include <sstream>

#include "app/contexts.hpp"
#include "simulation/world.hpp"

// What operators, the power and the disk do to the bookstore.

namespace bookstore::test {
namespace {

/// While one file fails, and after it healed: whatever waits longer than that is stuck.
constexpr std::int64_t goes_on_within_ms = 120'000;

std::string path_of(const std::string& role) {
    return fmt::format("{}/{}.db", World::directory, role);
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        number = number << 8 | static_cast<unsigned char>(bytes.at(i));
    }
    return number;
}

/// Its WAL may have been moved into it in part when the image was made: the stamp is one that the
/// WAL gave it. Page 1 is moved first, so that by itself such a file cannot be told from one that
/// has all of it.
bool may_be_half_moved(const MemoryVfs::Image& image, const std::string& path) {
    constexpr std::size_t header = 32;
    constexpr std::size_t frame_header = 24;
    constexpr std::size_t stamp_at = 60;         ///< user_version, in page 1
    constexpr std::size_t former_stamp_at = 68;  ///< application_id
    const auto file = image.find(path);
    const auto wal = image.find(path + "-wal");
    if (file == image.end() || wal == image.end() || wal->second.size() < header) {
        return false;
    }
    const std::size_t frame = frame_header + number_at(wal->second, 8);
    for (std::size_t at = header; at + frame <= wal->second.size(); at += frame) {
        if (number_at(wal->second, at + 8) != number_at(wal->second, 16)) {
            break;  // of a WAL before
        }
        if (number_at(wal->second, at) == 1) {
            const std::uint32_t former =
                number_at(wal->second, at + frame_header + former_stamp_at);
            return number_at(file->second, stamp_at) != former;
        }
    }
    return false;
}

}  // namespace

// ---- operators

/// An operator stops a context or lets it go on, or retries or skips what it has parked.
void World::operate() {
    kernel::HostedModule& module = some_module();
    switch (random_.below(5)) {
        case 0:
            note("stop " + module.name());
            module.stop([this] { ++tally_.stops; });
            break;
        case 1:
        case 2:
            note("start " + module.name());
            module.resume([] {});
            break;
        case 3:
            retry_parked(module);
            break;
        default:
            for (const auto& any : system_->modules()) {
                skip_parked(*any, false);
            }
            break;
    }
}

void World::retry_parked(kernel::HostedModule& module) {
    note("retry what is parked of " + module.name());
    const auto retried = [this, &module](bus::UnitOfWork& work) -> http::Answer {
        for (const auto& subscription : module.subscriptions()) {
            tally_.parked += subscription->held().retry_parked(work.db(), work.now_ms());
        }
        return http::Response{};
    };
    module.module().write(retried, [&module](const http::Answer&) {
        for (const auto& subscription : module.subscriptions()) {
            subscription->held_changed();
        }
    });
}

void World::skip_parked(kernel::HostedModule& module, bool behind_skips_alone) {
    const auto skips = std::make_shared<std::vector<Skip>>();
    const auto skip = [=, &module](bus::UnitOfWork& work) -> http::Answer {
        skips->clear();  // it may be run twice
        for (const auto& subscription : module.subscriptions()) {
            const bus::HeldTable& held = subscription->held();
            for (const bus::HeldEvent& event : held.page(work.db(), true, 0, 1000)) {
                const auto skips_of_key = work.db().query_integer(fmt::format(
                    "SELECT count(*) FROM skipped WHERE subscription = '{}' AND key = '{}'",
                    subscription->name(),
                    event.key
                ));
                if (skips_of_key > 0 || !behind_skips_alone) {
                    held.skip(work.db(), event.position, "the operator says so", work.now_ms());
                    skips->emplace_back(module.name(), subscription->name(), event.position);
                }
            }
        }
        return http::Response{};
    };
    module.module().write(skip, [this, &module, skips](const http::Answer& answer) {
        for (const auto& subscription : module.subscriptions()) {
            subscription->held_changed();
        }
        if (std::holds_alternative<http::Response>(answer)) {
            for (const auto& [role, subscription, position] : *skips) {
                note(fmt::format("{}-{} was skipped", subscription, position));
            }
            skipped_.insert(skips->begin(), skips->end());
            tally_.skipped += std::ssize(*skips);
        }
    });
}

// ---- the power and the disk

void World::disturb() {
    switch (random_.below(10)) {
        case 0:
        case 1:
            writes_to_crash_ = random_.below(30);
            next_crash_ = static_cast<Crash>(random_.below(3));
            note(fmt::format("the power goes in {} writes", writes_to_crash_));
            break;
        case 2:
            note("the process is killed");
            vfs_.crash(static_cast<Crash>(random_.below(3)));
            break;
        case 3:
            fail_writes();
            break;
        case 4:
            fail_reads();
            break;
        case 5:
            fail_file_for_a_while();
            break;
        case 6:
        case 7:
            take_snapshot();
            break;
        case 8:
            damage_page(some_module());
            break;
        default:
            heal();
            break;
    }
}

void World::fail_writes() {
    static constexpr FileOperation operations[] = {FileOperation::write, FileOperation::sync};
    static constexpr int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
    const auto code = codes[random_.below(3)];
    const auto operation = operations[code == SQLITE_IOERR_FSYNC ? 1 : 0];
    note(fmt::format("the disk fails: {}", code));
    vfs_.fail(
        {.operation = operation,
         .code = code,
         .file = {},
         .skip = static_cast<int>(random_.below(10)),
         .times = static_cast<int>(1 + random_.below(3))}
    );
    ++tally_.faults;
}

/// Of one file or of all, a few times.
void World::fail_reads() {
    const auto files = host::file_names(app::contexts());
    const auto place = static_cast<std::size_t>(random_.below(2 * std::ssize(files)));
    const std::string file =
        place < files.size() ? fmt::format("{}/{}", directory, files[place]) : "";
    note("reads fail of " + (file.empty() ? "all files" : file));
    vfs_.fail(
        {.operation = FileOperation::read,
         .code = SQLITE_IOERR_READ,
         .file = file,
         .skip = static_cast<int>(random_.below(20)),
         .times = static_cast<int>(1 + random_.below(10))}
    );
    reads_failed_ = true;
    ++tally_.read_faults;
}

/// The root of one of its tables or indexes, often the outbox: what is above it in the file is not
/// found without it, and SQLite knows rubbish there for what it is.
void World::damage_page(kernel::HostedModule& module) {
    if (!damaged_.empty()) {
        return;
    }
    vfs_.clear_failures();
    module.idle();  // what is in the WAL would be read there
    if (vfs_.down()) {
        return;
    }
    const std::string& role = module.name();
    std::istringstream pages(rows_of(
        role,
        fmt::format(
            "SELECT group_concat(rootpage, ' ') FROM sqlite_schema WHERE rootpage > 1{}",
            random_.one_in(2) ? " AND name = 'outbox'" : ""
        )
    ));
    const std::vector<std::int64_t> roots{std::istream_iterator<std::int64_t>(pages), {}};
    const std::int64_t page = roots[static_cast<std::size_t>(random_.below(std::ssize(roots)))];
    const std::int64_t page_bytes = std::stoll(rows_of(role, "PRAGMA page_size"));
    note(fmt::format("page {} of {} is damaged", page, role));
    vfs_.damage(path_of(role), (page - 1) * page_bytes, page_bytes);
    damaged_ = role;
    ++tally_.damages;
}

void World::heal() {
    if (!damaged_.empty()) {
        note(damaged_ + " is healed");
    }
    vfs_.heal();
    damaged_.clear();
}

/// Isolation: while the file of one context cannot be read, or not be written, or has a damaged
/// page, the events of all others flow; and when it is healed, it goes on by itself.
void World::fail_file_for_a_while() {
    kernel::HostedModule& module = some_module();
    writes_to_crash_ = -1;
    vfs_.clear_failures();
    heal();
    const std::int64_t how = random_.below(3);
    if (how == 0) {
        damage_page(module);
    } else {
        note(fmt::format("{} cannot be {}", module.name(), how == 1 ? "read" : "written"));
        vfs_.fail(
            {.operation = how == 1 ? FileOperation::read : FileOperation::write,
             .code = how == 1 ? SQLITE_IOERR_READ : SQLITE_IOERR_WRITE,
             .file = path_of(module.name()),
             .skip = static_cast<int>(random_.below(3)),
             .times = INT_MAX}
        );
        reads_failed_ = true;
    }
    ++tally_.outages;
    for (std::int64_t i = random_.below(6); i >= 0; --i) {
        client_acts();
    }
    let_go_on(module.name());
    vfs_.clear_failures();
    heal();
    note("it is well again");
    let_go_on("");
}

/// Until whatever was published is relayed and handled; of the context `but` nothing is expected.
void World::let_go_on(const std::string& but) {
    const std::int64_t until_ms = clock_.steady_ms() + goes_on_within_ms;
    for (;;) {
        step_each();
        const auto waits = std::ranges::find_if(system_->modules(), [&](const auto& module) {
            return module->name() != but && !goes_on(*module);
        });
        const bool answered = !but.empty() || std::ranges::all_of(requests_, &Request::answered);
        if (waits == system_->modules().end() && answered) {
            return;
        }
        if (clock_.steady_ms() > until_ms) {
            throw Broken(fmt::format(
                "{}: {} {}",
                but.empty() ? "after a file failed" : "while the file of " + but + " fails",
                answered ? (*waits)->name() : "a request",
                answered ? "does not go on" : "is not answered"
            ));
        }
        clock_.advance(100);
    }
}

/// What it published is relayed, and it has handled, or holds, all that it is to handle.
bool World::goes_on(kernel::HostedModule& module) {
    return module.outbox().depth() == 0 &&
           (!module.available() ||
            std::ranges::all_of(module.subscriptions(), [](const auto& subscription) {
                return subscription->lag() == 0;
            }));
}

// ---- files of two moments

void World::take_snapshot() {
    note("a snapshot is taken");
    snapshot_ = vfs_.image();
}

/// One file is what it was when the snapshot was taken; with its WAL of then, or beside the newest.
void World::mix_moments() {
    if (snapshot_.empty()) {
        return;
    }
    const auto files = host::file_names(app::contexts());
    const std::string& name = files[static_cast<std::size_t>(random_.below(std::ssize(files)))];
    mixed_ = {.role = name.substr(0, name.rfind('.')), .right = vfs_.image()};
    const bool with_wal = !random_.one_in(3) || may_be_half_moved(snapshot_, path_of(mixed_->role));
    note(fmt::format(
        "{} is that of the snapshot, {} its WAL", name, with_wal ? "and so is" : "but not"
    ));
    vfs_.put_back(snapshot_, path_of(mixed_->role));
    if (with_wal) {
        vfs_.put_back(snapshot_, path_of(mixed_->role) + "-wal");
    }
    ++tally_.mixed;
}

/// The others stay as the start that was refused has left them.
void World::put_right_file_back() {
    for (const char* end : {"", "-wal"}) {
        vfs_.put_back(mixed_->right, path_of(mixed_->role) + end);
    }
    mixed_.reset();
}

/// What was accepted since the snapshot and left no event is known to its own file alone, so no
/// start can miss it. Whatever did leave one must be there.
void World::forget_what_left_no_event(const std::string& role) {
    if (role == "order") {
        const auto events = [this](std::int64_t id, std::string_view type) {
            return rows_of(
                "topic",
                fmt::format(
                    "SELECT count(*) FROM event WHERE key = 'order-{}' AND type = '{}'", id, type
                )
            );
        };
        std::erase_if(promises_.acknowledged, [&](const auto& order) {
            const std::int64_t id = order.first;
            const std::string status =
                rows_of(role, fmt::format("SELECT status FROM orders WHERE id = {}", id));
            if (status.empty() && events(id, "Ordered") != "0") {
                breaks(fmt::format("order {} was accepted and announced, and is gone", id));
            }
            if (status != "CANCELED" && promises_.canceled.erase(id) > 0 &&
                events(id, "OrderCanceled") != "0") {
                breaks(fmt::format("the cancel of order {} was announced, and is gone", id));
            }
            return status.empty();
        });
    }
    std::erase_if(skipped_, [&](const Skip& skip) {
        const auto& [its_role, subscription, position] = skip;
        return its_role == role &&
               rows_of(
                   role,
                   fmt::format(
                       "SELECT count(*) FROM skipped WHERE subscription = '{}' AND position = {}",
                       subscription,
                       position
                   )
               ) == "0";
    });
}

}  // namespace bookstore::test
