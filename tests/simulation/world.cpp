#include "simulation/world.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "app/contexts.hpp"
#include "storage/connection.hpp"
#include "support/invariants.hpp"

namespace bookstore::test {
namespace {

constexpr auto directory = "/data";
constexpr std::int64_t customers = 3;
constexpr std::int64_t books = 3;
constexpr int settle_rounds = 100'000;
constexpr std::int64_t longest_wait_ms = 600'000;  // but for orders that were refused

/// Empty, migrated files: made once, loaded by every run.
const MemoryVfs::Image& fresh_image() {
    static const MemoryVfs::Image image = [] {
        MemoryVfs vfs(1);
        const VirtualClock clock;
        SeededRandom random(1);
        {
            const host::System system(
                app::contexts(),
                {.data_dir = directory, .vfs = vfs.name()},
                clock,
                random,
                [](std::size_t) {}
            );
        }
        return vfs.image();
    }();
    return image;
}

std::int64_t id_in(const http::Response& response) {
    for (const auto& [name, value] : response.headers) {
        if (name == "Location") {
            return std::stoll(value.substr(value.rfind('/') + 1));
        }
    }
    throw Broken("a 201 without Location");
}

}  // namespace

/// A request under way; the system refers to it until it has answered.
struct World::Request {
    http::Request request;
    bool answered = false;
};

World::World(std::uint64_t seed, bool trace)
    : seed_(seed), trace_(trace), vfs_(seed), random_(seed), system_random_(seed + 1'000'003) {
    cuts_log_ = random_.one_in(4);
    vfs_.load(fresh_image());
    vfs_.before_write([this](FileOperation, const std::string&) {
        if (writes_to_crash_ == 0) {
            vfs_.crash(next_crash_);
        }
        if (writes_to_crash_ >= 0) {
            --writes_to_crash_;
        }
    });
    open();
}

World::~World() {
    vfs_.before_write({});
    close();
}

void World::note(const std::string& what) const {
    if (trace_) {
        fmt::print("{:>6} {} {}\n", tally_.steps, clock_.now_ms() - VirtualClock::start_ms, what);
        std::fflush(stdout);
    }
}

// ---- opening and crashing

void World::open() {
    host::SystemOptions options{.data_dir = directory, .vfs = vfs_.name()};
    for (const char* context : {"customer", "inventory", "van", "delivery", "payment"}) {
        if (!calm_ && random_.one_in(10)) {
            options.stopped.emplace_back(context);
        }
    }
    options.before_handling = [this](std::string_view name, const bus::Envelope& event) {
        if (!calm_ && random_.one_in(60)) {
            ++tally_.held;
            throw std::runtime_error(fmt::format("{} is made to fail on {}", name, event.key));
        }
    };
    options.retry.attempts = some(3);
    if (cuts_log_) {
        options.retention.max_age_ms = 5'000;
    }
    system_ = std::make_unique<host::System>(
        app::contexts(), options, clock_, system_random_, [](std::size_t) {}
    );
    std::vector<http::Route> routes;
    for (kernel::Endpoint& endpoint : system_->endpoints()) {
        routes.push_back(std::move(endpoint.route));
    }
    router_ = std::make_unique<http::Router>(std::move(routes));
}

void World::close() {
    router_.reset();
    system_.reset();
    requests_.clear();
}

void World::crash_now() {
    ++tally_.crashes;
    for (;;) {
        note("CRASH, open again");
        writes_to_crash_ = -1;
        vfs_.clear_failures();
        close();
        vfs_.restart();
        if (!calm_ && random_.one_in(10)) {  // once more, while it recovers
            writes_to_crash_ = random_.below(20);
            next_crash_ = static_cast<Crash>(random_.below(3));
        }
        try {
            open();
            if (!vfs_.down()) {
                return;
            }
        } catch (const storage::Error&) {
            if (!vfs_.down()) {
                throw;
            }
        }
    }
}

// ---- what may happen

Tally World::run(std::int64_t steps) {
    send(http::Method::post, "/customers", R"({"customerName":"Kim"})", {});
    for (; tally_.steps < steps; ++tally_.steps) {
        act();
        if (vfs_.down()) {
            crash_now();
        }
    }
    settle();
    check();
    tally_.events = system_->topic().end();
    return tally_;
}

void World::act() {
    const std::int64_t dice = random_.below(1000);
    if (dice < 800) {
        step_something();
    } else if (dice < 940) {
        client_acts();
    } else if (dice < 985) {
        advance_time();
    } else if (dice < 994) {
        operate();
    } else {
        disturb();
    }
}

void World::step_something() {
    const auto count = static_cast<std::int64_t>(system_->modules().size());
    const std::int64_t place = random_.below(count + 3);
    if (place >= count) {
        if (cuts_log_ && random_.one_in(2)) {
            note("retention");
            system_->retention().step();
            return;
        }
        note("relay");
        system_->relay().step();
        return;
    }
    step_module(*system_->modules()[static_cast<std::size_t>(place)]);
}

void World::step_module(kernel::HostedModule& module) {
    note(module.name());
    const auto steps_one = [this](const auto& all) {
        if (!all.empty()) {
            all[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(all.size())))]
                ->step();
        }
    };
    if (random_.one_in(2)) {
        module.step();
        return;
    }
    switch (module.available() ? random_.below(8) : random_.below(3)) {
        case 0:
        case 1:
            module.strand().step();
            break;
        case 2:
            module.database().writer().step();
            module.wake_tasks();
            break;
        case 3:
            steps_one(module.tasks());
            break;
        case 4:
            steps_one(module.rebuilds());
            break;
        case 5:
            module.idle();
            break;
        default:
            steps_one(module.subscriptions());
            break;
    }
}

void World::advance_time() {
    // Mostly a little; sometimes so long that every call times out.
    const std::int64_t ms = random_.one_in(8) ? random_.below(20'000) : random_.below(300);
    note(fmt::format("{} ms go by", ms));
    clock_.advance(ms);
    if (!calm_ && random_.one_in(30)) {  // somebody, or NTP, sets the wall clock: days either way
        const std::int64_t most = random_.one_in(3) ? 5'000 : 200'000'000;
        const std::int64_t step_ms = random_.below(2 * most) - most;
        note(fmt::format("the wall clock is set by {} ms", step_ms));
        clock_.set_wall_clock(clock_.now_ms() + step_ms);
        ++tally_.clock_steps;
    }
}

/// An operator stops a context or lets it go on, or retries what it has parked.
void World::operate() {
    const auto count = static_cast<std::int64_t>(system_->modules().size());
    kernel::HostedModule& module =
        *system_->modules()[static_cast<std::size_t>(random_.below(count))];
    switch (random_.below(3)) {
        case 0:
            note("stop " + module.name());
            module.stop([this] { ++tally_.stops; });
            break;
        case 1:
            note("start " + module.name());
            module.resume([] {});
            break;
        default:
            retry_parked(module);
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

void World::disturb() {
    switch (random_.below(4)) {
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
        default: {
            static constexpr FileOperation operations[] = {
                FileOperation::write, FileOperation::sync
            };
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
    }
}

// ---- clients

void World::send(
    http::Method method,
    const std::string& target,
    const std::string& body,
    std::function<void(const http::Response&)> acknowledged
) {
    note(fmt::format("{} {} {}", http::name_of(method), target, body));
    std::erase_if(requests_, [](const auto& request) { return request->answered; });
    requests_.push_back(std::make_unique<Request>());
    Request& sent = *requests_.back();
    sent.request.method = method;
    sent.request.target = target;
    sent.request.path = target;
    sent.request.host = "simulation";
    sent.request.body = body;
    router_->dispatch(sent.request, [this, &sent, target, acknowledged](http::Answer answer) {
        sent.answered = true;
        const auto* response = std::get_if<http::Response>(&answer);
        const int status =
            response != nullptr ? response->status : std::get<http::Problem>(answer).status;
        note(fmt::format("  {} answers {}", target, status));
        if (status >= 500 && status != 503 && status != 507) {
            throw Broken(fmt::format("{} answers {}", target, status));
        }
        if (response != nullptr && status < 300 && acknowledged) {
            acknowledged(*response);
        }
    });
}

void World::place_order() {
    static constexpr const char* amounts[] = {"null", "0", "12.34", "\"1000.0\"", "5"};
    const std::string body = fmt::format(
        R"({{"bookId":{},"customerId":{},"quantity":{},"deliveryAddress":"busan si","payAmount":{}}})",
        some(books),
        some(customers),
        some(4),
        amounts[random_.below(5)]
    );
    send(http::Method::post, "/orders", body, [this](const http::Response& response) {
        ++tally_.orders;
        const auto [entry, first] = acknowledged_.emplace(
            id_in(response), response.body.substr(0, response.body.find(R"("orderStatus")"))
        );
        if (!first) {
            throw Broken(fmt::format("order {} was acknowledged twice", entry->first));
        }
    });
}

void World::cancel_order() {
    const std::int64_t id = some_order();
    send(http::Method::del, fmt::format("/orders/{}", id), {}, [this, id](const http::Response&) {
        ++tally_.cancels;
        canceled_.insert(id);
    });
}

void World::move_delivery() {
    static constexpr const char* words[] = {"Shipped", "InTransit", "Delivered", "Returned"};
    send(
        http::Method::patch,
        fmt::format("/deliveries/{}", some_order()),
        fmt::format(R"({{"deliveryStatus":"{}"}})", words[random_.below(4)]),
        {}
    );
}

void World::change_book() {
    const std::string path = fmt::format("/books/{}", some(books));
    if (random_.one_in(12)) {
        send(http::Method::del, path, {}, {});
    } else if (random_.one_in(2)) {
        send(http::Method::patch, path, fmt::format(R"({{"stock":{}}})", random_.below(6)), {});
    } else {
        send(http::Method::put, path, R"({"bookName":"Book","stock":2})", {});
    }
}

void World::put_in_stock() {
    send(
        http::Method::post,
        "/stockInputs",
        fmt::format(R"({{"bookId":{},"quantity":{}}})", some(books), some(5)),
        {}
    );
}

void World::client_acts() {
    switch (random_.below(20)) {
        case 0:
            send(http::Method::post, "/customers", R"({"customerName":"Lee"})", {});
            break;
        case 1:
        case 2:
            send(http::Method::post, "/books", R"({"bookName":"C++","stock":"3"})", {});
            break;
        case 3:
        case 4:
            put_in_stock();
            break;
        case 5:
            change_book();
            break;
        case 6:
        case 7:
            move_delivery();
            break;
        case 8:
        case 9:
        case 10:
            cancel_order();
            break;
        case 11:
            send(http::Method::post, fmt::format("/orders/{}/verification", some_order()), {}, {});
            break;
        case 12:
            if (random_.one_in(4)) {
                const auto* model = random_.one_in(2) ? "my-page" : "payment-history";
                send(http::Method::post, fmt::format("/rebuilds/{}", model), {}, [this](auto&) {
                    ++tally_.rebuilds;
                });
            } else if (random_.one_in(6)) {
                send(http::Method::del, fmt::format("/customers/{}", some(customers)), {}, {});
            }
            break;
        default:
            place_order();
            break;
    }
}

// ---- the end

void World::step_everything() {
    for (int round = 0;; ++round) {
        std::string busy = system_->relay().step() ? "relay" : "";
        for (const auto& module : system_->modules()) {
            busy += module->step() ? " " + module->name() : "";
        }
        busy += system_->retention().step() ? " retention" : "";
        if (busy.empty()) {
            return;
        }
        if (round > settle_rounds) {
            throw Broken("it does not come to rest: " + busy);
        }
    }
}

void World::settle() {
    calm_ = true;
    note("--- settle");
    vfs_.crash(Crash::process);  // what was stopped starts again
    crash_now();
    for (const auto& module : system_->modules()) {
        retry_parked(*module);
    }
    for (int round = 0; round < settle_rounds; ++round) {
        step_everything();
        std::optional<std::int64_t> due = system_->relay().due_in_ms();
        for (const auto& module : system_->modules()) {
            if (const auto wait = module->due_in()) {
                due = std::min(due.value_or(wait->count()), wait->count());
            }
        }
        if (!due) {
            return;
        }
        if (*due > longest_wait_ms && only_refused_orders_wait()) {
            return;
        }
        if (*due > longest_wait_ms) {
            throw Broken(fmt::format("something waits {} ms", *due));
        }
        clock_.advance(std::max<std::int64_t>(*due, 1));
    }
    throw Broken("it does not settle");
}

/// Of what is to be asked at a later time: there is no such customer or book, once an hour.
bool World::only_refused_orders_wait() {
    return rows_of("order", "SELECT id FROM orders WHERE refused = 0 AND next_try > 0").empty() &&
           rows_of("payment", "SELECT id FROM payment WHERE next_try > 0").empty();
}

std::string World::rows_of(const std::string& file, const std::string& sql) {
    storage::Connection db(
        fmt::format("{}/{}.db", directory, file), storage::Connection::Mode::read_only, vfs_.name()
    );
    return db.query_text(sql).value_or("");
}

void World::check_acknowledged() {
    for (const auto& [id, begin] : acknowledged_) {
        std::string body;
        send(
            http::Method::get,
            fmt::format("/orders/{}", id),
            {},
            [&](const http::Response& found) { body = found.body; }
        );
        if (!body.starts_with(begin)) {
            throw Broken(fmt::format("1: order {} was acknowledged as {}, is {}", id, begin, body));
        }
        if (canceled_.contains(id) && !body.contains(R"("orderStatus":"CANCELED")")) {
            throw Broken(fmt::format("4: order {} was canceled, is {}", id, body));
        }
    }
}

void World::check_rebuilds() {
    // A held event's row came later than the log has it: then the ids may differ.
    const std::string id = tally_.held > 0 ? "0" : "id";
    const std::string pages = fmt::format(
        "SELECT group_concat(row, char(10)) FROM (SELECT {} || '|' || order_id || '|' || "
        "customer_id "
        "|| '|' || order_status || '|' || ifnull(delivery_status, '-') || '|' || "
        "ifnull(delivery_id, 0) || '|' || ifnull(pay_amount, '-') || '|' || "
        "ifnull(pay_status, '-') || '|' || ordered_at AS row FROM my_page ORDER BY order_id)",
        id
    );
    const std::string histories = fmt::format(
        "SELECT group_concat(row, char(10)) FROM (SELECT {} || '|' || order_id || '|' || "
        "pay_status "
        "|| '|' || payment_id AS row FROM payment_history ORDER BY order_id, payment_history.id)",
        id
    );
    const std::string pages_before = rows_of("customer", pages);
    const std::string histories_before = rows_of("payment_history", histories);
    for (const char* model : {"my-page", "payment-history"}) {
        system_->owner_of_read_model(model)->rebuild(model).begin();
    }
    for (int i = 0; i < 100; ++i) {
        step_everything();
        clock_.advance(1'000);
    }
    if (rows_of("customer", pages) != pages_before) {
        throw Broken(
            fmt::format("7: My Page was\n{}\nrebuilt\n{}", pages_before, rows_of("customer", pages))
        );
    }
    if (rows_of("payment_history", histories) != histories_before) {
        throw Broken("7: payment history differs when it is rebuilt");
    }
}

void World::check() {
    check_acknowledged();
    if (system_->topic().first() > 1) {
        check_rebuilds();  // what the invariants compare with is gone, for a part of the orders
        return;
    }
    const auto violated = violated_invariants(directory, vfs_.name());
    if (!violated.empty()) {
        throw Broken(fmt::format("{}", fmt::join(violated, "\n")));
    }
    check_rebuilds();
    if (system_->topic().first() > 1) {
        return;
    }
    const auto again = violated_invariants(directory, vfs_.name());
    if (!again.empty()) {
        throw Broken(fmt::format("after the rebuilds: {}", fmt::join(again, "\n")));
    }
}

}  // namespace bookstore::test
