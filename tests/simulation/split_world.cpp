#include "simulation/split_world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "adapters/order_ports.hpp"
#include "adapters/van_port.hpp"
#include "app/contexts.hpp"
#include "modules/customer/module.hpp"
#include "modules/delivery/module.hpp"
#include "modules/inventory/module.hpp"
#include "modules/payment_history/module.hpp"
#include "modules/van/module.hpp"
#include "storage/connection.hpp"
#include "support/invariants.hpp"
#include "support/requests.hpp"

namespace bookstore::test {
namespace {

constexpr auto directory = "/data";
constexpr int settle_rounds = 100'000;
constexpr std::int64_t longest_wait_ms = 600'000;

std::string text_of(const http::Answer& answer) {
    const auto* response = std::get_if<http::Response>(&answer);
    return response == nullptr ? std::string() : response->body;
}

std::string topic_file(const char* tail = "") {
    return fmt::format("{}/topic.db{}", directory, tail);
}

}  // namespace

SplitWorld::SplitWorld(std::uint64_t seed, bool trace)
    : seed_(seed), trace_(trace), random_(seed), system_random_(seed + 1'000'003) {
    const std::int64_t count = 2 + random_.below(3);
    for (std::int64_t i = 0; i < count; ++i) {
        processes_.push_back(std::make_unique<Process>());
        processes_.back()->vfs =
            std::make_unique<MemoryVfs>(seed * 8 + static_cast<std::uint64_t>(i));
    }
    for (const kernel::Context& context : app::contexts()) {
        const auto place = static_cast<std::size_t>(random_.below(count));
        processes_[place]->contexts.push_back(context.name);
    }
    std::erase_if(processes_, [](const auto& process) { return process->contexts.empty(); });
    for (const auto& process : processes_) {
        process->vfs->before_write([&process = *process](FileOperation, const std::string&) {
            if (process.writes_to_crash == 0) {
                process.vfs->crash(process.next_crash);
            }
            if (process.writes_to_crash >= 0) {
                --process.writes_to_crash;
            }
        });
        note(fmt::format("a process hosts {}", fmt::join(process->contexts, ", ")));
        open(*process);
    }
}

SplitWorld::~SplitWorld() {
    for (const auto& process : processes_) {
        process->vfs->before_write({});
        close(*process);
    }
}

void SplitWorld::note(const std::string& what) const {
    if (trace_) {
        fmt::print("{:>6} {} {}\n", tally_.steps, clock_.now_ms() - VirtualClock::start_ms, what);
        std::fflush(stdout);
    }
}

void SplitWorld::breaks(const std::string& what) {
    if (broken_.empty()) {
        broken_ = what;
    }
}

void SplitWorld::throw_if_broken() const {
    if (!broken_.empty()) {
        throw Broken(broken_);
    }
}

// ---- processes

SplitWorld::Process& SplitWorld::host_of(std::string_view context) {
    return **std::ranges::find_if(processes_, [context](const auto& process) {
        return std::ranges::find(process->contexts, context) != process->contexts.end();
    });
}

SplitWorld::Process& SplitWorld::some_process() {
    const auto count = static_cast<std::int64_t>(processes_.size());
    return *processes_[static_cast<std::size_t>(random_.below(count))];
}

/// As over HTTP: whoever asks may be gone when the answer comes, and whoever is asked may be down.
order::Ports SplitWorld::order_ports(Process& process, kernel::Wiring& wiring, const Clock& clock) {
    order::Ports ports = adapters::order_ports(wiring, {}, clock);
    const auto elsewhere = [this, &process](std::string_view context, std::string_view collection) {
        return [this, &process, context, collection](
                   std::int64_t id, const std::function<void(order::Found)>& done
               ) {
            http::Request request =
                request_of(http::Method::get, fmt::format("{}/{}", collection, id));
            const bool sent = send_to(
                context,
                std::move(request),
                [done, life = process.life](const http::Answer& answer) {
                    const int status = status_of(answer);
                    if (*life) {
                        done(
                            status == 200   ? order::Found::yes
                            : status == 404 ? order::Found::no
                                            : order::Found::unavailable
                        );
                    }
                }
            );
            if (!sent) {
                done(order::Found::unavailable);
            }
        };
    };
    if (wiring.hosted("customer") == nullptr) {
        ports.has_customer = elsewhere("customer", "/customers");
    }
    if (wiring.hosted("inventory") == nullptr) {
        ports.has_book = elsewhere("inventory", "/books");
    }
    return ports;
}

payment::VanPort SplitWorld::van_port(
    Process& process, kernel::Wiring& wiring, const Clock& clock
) {
    if (wiring.hosted("van") != nullptr) {
        return adapters::van_port(wiring, {}, clock);
    }
    const auto ask =
        [this, &process](
            http::Request request, const std::string& key, const payment::VanPort::Answered& done
        ) {
            request.headers.push_back({"Idempotency-Key", key});
            const bool sent = send_to(
                "van",
                std::move(request),
                [done, life = process.life](const http::Answer& answer) {
                    if (!*life) {
                        return;
                    }
                    const std::string text = text_of(answer);
                    payment::VanReply reply;
                    reply.answer = text == "PAYMENT_COMPLETED"  ? payment::VanAnswer::completed
                                   : text == "PAYMENT_FAILED"   ? payment::VanAnswer::failed
                                   : text == "PAYMENT_CANCELED" ? payment::VanAnswer::canceled
                                                                : payment::VanAnswer::none;
                    done(reply);
                }
            );
            if (!sent) {
                done({});
            }
        };
    payment::VanPort port;
    port.charge = [ask](const std::string& key, Money amount, const auto& done) {
        http::Request request = request_of(http::Method::post, "/requestPayment");
        request.query.emplace_back("payment", amount.text());
        ask(std::move(request), key, done);
    };
    port.cancel = [ask](const std::string& key, const auto& done) {
        ask(request_of(http::Method::post, "/cancelPayment"), key, done);
    };
    return port;
}

host::Contexts SplitWorld::contexts_of(Process& process) {
    return {
        customer::context(),
        inventory::context(),
        order::context([this, &process](auto& wiring, const Clock& clock) {
            return order_ports(process, wiring, clock);
        }),
        delivery::context(),
        payment::context(
            [this, &process](auto& wiring, const Clock& clock) {
                return van_port(process, wiring, clock);
            },
            {}
        ),
        payment_history::context(),
        van::context({}),
    };
}

void SplitWorld::open(Process& process) {
    process.life = std::make_shared<bool>(true);
    host::SystemOptions options{
        .data_dir = directory, .vfs = process.vfs->name(), .modules = process.contexts
    };
    options.read_limit_ms = 0;
    options.partition = {
        .topic = "cnabookstore",
        .pipe = [this](std::function<void()> ring) { return partition_.pipe(std::move(ring)); },
        .audit_every_ms = calm_ ? 0 : 5'000,
    };
    process.system = std::make_unique<host::System>(
        contexts_of(process), options, clock_, system_random_, [](std::size_t) {}
    );
    std::vector<http::Route> routes;
    for (kernel::Endpoint& endpoint : process.system->endpoints()) {
        routes.push_back(std::move(endpoint.route));
    }
    process.router = std::make_unique<http::Router>(std::move(routes));
}

void SplitWorld::close(Process& process) {
    if (process.life) {
        *process.life = false;
    }
    process.router.reset();
    process.system.reset();
    process.requests.clear();
}

void SplitWorld::crash(Process& process) {
    ++tally_.crashes;
    do {
        note(fmt::format("CRASH of {}, open again", fmt::join(process.contexts, ", ")));
        process.writes_to_crash = -1;
        process.vfs->clear_failures();
        process.disk_failed = false;
        close(process);
        process.vfs->restart();
        if (!calm_ && random_.one_in(6)) {
            swap_topic(process);
        }
        if (!calm_ && random_.one_in(8)) {  // once more, while it recovers
            process.writes_to_crash = random_.below(20);
            process.next_crash = static_cast<Crash>(random_.below(3));
        }
        try {
            open(process);
        } catch (const storage::Refused& refused) {
            throw Broken(fmt::format("a start was refused: {}", refused.what()));
        } catch (const storage::Error&) {
            if (!process.vfs->down()) {
                throw;
            }
        }
    } while (process.vfs->down());
}

/// The topic's file is deleted, or another process's is put there.
void SplitWorld::swap_topic(Process& process) {
    Process& other = some_process();
    MemoryVfs::Image image;
    if (&other != &process && random_.one_in(2) && !other.vfs->down()) {
        // As an operator copies it: of a process that is at rest.
        other.writes_to_crash = -1;
        other.vfs->clear_failures();
        other.disk_failed = false;
        close(other);
        image = other.vfs->image();
        open(other);
        note("topic.db is copied from another process");
    } else {
        note("topic.db is deleted");
    }
    ++tally_.mixed;
    for (const char* tail : {"", "-wal", "-shm"}) {
        process.vfs->put_back(image, topic_file(tail));
    }
}

// ---- what may happen

Tally SplitWorld::run(std::int64_t steps) {
    for (; tally_.steps < steps; ++tally_.steps) {
        if (tally_.steps == 20) {
            send(http::Method::post, "/customers", R"({"customerName":"Kim"})", {});
        }
        act();
        throw_if_broken();
        for (const auto& process : processes_) {
            if (process->vfs->down()) {
                crash(*process);
            }
        }
    }
    settle();
    check();
    throw_if_broken();
    tally_.events = processes_.front()->system->topic().end();
    return tally_;
}

void SplitWorld::act() {
    const std::int64_t dice = random_.below(1000);
    if (dice < 700) {
        step(some_process());
    } else if (dice < 850) {
        pipe_acts();
    } else if (dice < 960) {
        client_acts();
    } else if (dice < 990) {
        advance_time();
    } else {
        disturb();
    }
}

bool SplitWorld::guarded(Process& process, const std::function<bool()>& step) {
    try {
        return step();
    } catch (const storage::Error& error) {
        note(error.what());
        if (!process.vfs->down() && !process.disk_failed) {
            throw;
        }
        return false;
    }
}

bool SplitWorld::step(Process& process) {
    const auto count = static_cast<std::int64_t>(process.system->modules().size());
    const std::int64_t place = random_.below(count + 3);
    if (place < count) {
        auto& module = *process.system->modules()[static_cast<std::size_t>(place)];
        note(module.name());
        return guarded(process, [&] { return module.step(); });
    }
    note("relay of " + process.contexts.front());
    return guarded(process, [&] { return process.system->relay().step(); });
}

/// The partition takes what was sent, mostly in order.
void SplitWorld::pipe_acts() {
    if (partition_.under_way() == 0) {
        return;
    }
    const auto last = static_cast<std::int64_t>(partition_.under_way());
    const auto which = static_cast<std::size_t>(random_.one_in(4) ? random_.below(last) : 0);
    if (random_.one_in(40)) {
        note("lost on the way");
        partition_.lose(which);
    } else {
        note("the broker takes a record");
        partition_.take(which, random_.one_in(20));
    }
}

void SplitWorld::advance_time() {
    const std::int64_t ms = random_.one_in(8) ? random_.below(20'000) : random_.below(300);
    note(fmt::format("{} ms go by", ms));
    clock_.advance(ms);
    if (partition_.hides() && clock_.steady_ms() >= shows_at_ms_) {
        partition_.show();
    }
    for (const auto& process : processes_) {
        for (const auto& module : process->system->modules()) {
            module->try_storage();
        }
    }
}

void SplitWorld::disturb() {
    Process& process = some_process();
    switch (random_.below(8)) {
        case 0:
            if (random_.one_in(2)) {
                note(partition_.is_away() ? "the broker is back" : "the broker goes away");
                partition_.away(!partition_.is_away());
            } else if (partition_.hides()) {
                note("the new leader shows all");
                partition_.show();
            } else {
                note("another leader does not show the newest records yet");
                partition_.hide(static_cast<std::size_t>(random_.below(4)));
                shows_at_ms_ = clock_.steady_ms() + 30'000;
            }
            break;
        case 1:
            note("what was sent fails");
            partition_.fail_sending();
            break;
        case 2:
            process.vfs->crash(static_cast<Crash>(random_.below(3)));
            break;
        case 3:
        case 4:
            process.writes_to_crash = random_.below(60);
            process.next_crash = static_cast<Crash>(random_.below(3));
            break;
        case 5: {
            ++tally_.faults;
            process.disk_failed = true;
            process.vfs->fail(
                {.operation = random_.one_in(2) ? FileOperation::write : FileOperation::sync,
                 .code = random_.one_in(2) ? 13 : 10,  // SQLITE_FULL, SQLITE_IOERR
                 .file = random_.one_in(2) ? "topic.db" : "",
                 .skip = static_cast<int>(random_.below(5)),
                 .times = static_cast<int>(some(4))}
            );
            break;
        }
        default: {
            const auto& modules = process.system->modules();
            auto& module = *modules[static_cast<std::size_t>(
                random_.below(static_cast<std::int64_t>(modules.size()))
            )];
            if (random_.one_in(3)) {
                module.stop([this] { ++tally_.stops; });
            } else {
                module.resume([] {});
            }
        }
    }
}

// ---- clients

bool SplitWorld::send_to(
    std::string_view context, http::Request request, std::function<void(http::Answer)> answered
) {
    Process& process = host_of(context);
    if (!process.router || process.vfs->down()) {
        return false;
    }
    std::erase_if(process.requests, [](const auto& sent) { return sent->answered; });
    process.requests.push_back(std::make_unique<Request>());
    Request& sent = *process.requests.back();
    sent.request = std::move(request);
    process.router->dispatch(
        sent.request,
        [&sent, answered = std::move(answered)](http::Answer answer) {
            sent.answered = true;
            answered(std::move(answer));
        }
    );
    return true;
}

void SplitWorld::send(
    http::Method method,
    const std::string& target,
    const std::string& body,
    std::function<void(const http::Response&)> acknowledged
) {
    static const std::map<std::string, std::string, std::less<>> owners{
        {"customers", "customer"},
        {"books", "inventory"},
        {"stockInputs", "inventory"},
        {"orders", "order"},
        {"deliveries", "delivery"},
    };
    note(fmt::format("{} {} {}", http::name_of(method), target, body));
    const std::string collection = target.substr(1, target.find('/', 1) - 1);
    send_to(
        owners.at(collection),
        request_of(method, target, body),
        [this, target, acknowledged = std::move(acknowledged)](const http::Answer& answer) {
            const int status = status_of(answer);
            note(fmt::format("  {} answers {}", target, status));
            if (status >= 500 && status != 503 && status != 507) {
                breaks(fmt::format("{} answers {}", target, status));
            }
            const auto* response = std::get_if<http::Response>(&answer);
            if (response != nullptr && status < 300 && acknowledged) {
                acknowledged(*response);
            }
        }
    );
}

void SplitWorld::client_acts() {
    static constexpr const char* words[] = {"Shipped", "InTransit", "Delivered", "Returned"};
    const std::int64_t order = some(static_cast<std::int64_t>(tally_.orders) + 2);
    switch (random_.below(16)) {
        case 0:
            send(http::Method::post, "/customers", R"({"customerName":"Lee"})", {});
            break;
        case 1:
        case 2:
            send(http::Method::post, "/books", R"({"bookName":"C++","stock":"3"})", {});
            break;
        case 3:
        case 4:
            send(
                http::Method::post,
                "/stockInputs",
                fmt::format(R"({{"bookId":{},"quantity":{}}})", some(sold_books), some(5)),
                {}
            );
            break;
        case 5:
        case 6:
            send(
                http::Method::patch,
                fmt::format("/deliveries/{}", order),
                fmt::format(R"({{"deliveryStatus":"{}"}})", words[random_.below(4)]),
                {}
            );
            break;
        case 7:
        case 8:
            send(http::Method::del, fmt::format("/orders/{}", order), {}, [this, order](auto&) {
                ++tally_.cancels;
                promises_.canceled.insert(order);
            });
            break;
        default:
            send(
                http::Method::post,
                "/orders",
                order_body(random_),
                [this](const http::Response& response) {
                    ++tally_.orders;
                    if (const auto fault = promises_.acknowledge(response); !fault.empty()) {
                        breaks(fault);
                    }
                }
            );
    }
}

// ---- the end

void SplitWorld::settle() {
    calm_ = true;
    note("--- settle");
    partition_.away(false);
    partition_.show();
    for (const auto& process : processes_) {
        process->vfs->crash(Crash::process);  // what was stopped starts again
        crash(*process);
    }
    for (int round = 0; round < settle_rounds; ++round) {
        partition_.take_all();
        bool did = false;
        std::optional<std::int64_t> due;
        for (const auto& process : processes_) {
            did = process->system->relay().step() || did;
            due = std::min(
                due.value_or(std::numeric_limits<std::int64_t>::max()),
                process->system->relay().due_in_ms().value_or(
                    std::numeric_limits<std::int64_t>::max()
                )
            );
            for (const auto& module : process->system->modules()) {
                did = module->step() || did;
                if (const auto wait = module->due_in()) {
                    due = std::min(*due, std::int64_t{wait->count()});
                }
            }
        }
        throw_if_broken();
        if (did || partition_.under_way() > 0) {
            continue;
        }
        if (*due > longest_wait_ms) {
            return;
        }
        clock_.advance(std::max<std::int64_t>(*due, 1));
    }
    throw Broken("it does not settle");
}

void SplitWorld::check() {
    for (const auto& process : processes_) {
        const auto& relay = process->system->relay();
        if (!relay.healthy() || !process->system->closed_gate().empty()) {
            throw Broken(relay.fault() + process->system->closed_gate());
        }
    }
    check_mirrors();
    promises_.check([this](const std::string& target) {
        std::string body;
        send(http::Method::get, target, {}, [&](const http::Response& found) {
            body = found.body;
        });
        return body;
    });
    // The files of all, as one directory.
    MemoryVfs all(seed_ + 99);
    MemoryVfs::Image image;
    for (const auto& process : processes_) {
        close(*process);
        for (const auto& [name, content] : process->vfs->image()) {
            const bool its = std::ranges::any_of(process->contexts, [&](const auto& context) {
                return name.starts_with(fmt::format("{}/{}.db", directory, context));
            });
            if (its || (process == processes_.front() && name.starts_with(topic_file()))) {
                image.emplace(name, content);
            }
        }
        open(*process);
    }
    all.load(image);
    const auto violated = violated_invariants(directory, all.name());
    if (!violated.empty()) {
        throw Broken(fmt::format("{}", fmt::join(violated, "\n")));
    }
}

void SplitWorld::check_mirrors() {
    const auto view_of = [](const Process& process) {
        const auto& topic = process.system->topic();
        return fmt::format("{} {}", topic.end(), topic.hash_at(topic.end()).value_or("none"));
    };
    const std::string first = view_of(*processes_.front());
    for (const auto& process : processes_) {
        if (view_of(*process) != first) {
            throw Broken(fmt::format("mirrors differ: {} and {}", first, view_of(*process)));
        }
    }
}

}  // namespace bookstore::test
