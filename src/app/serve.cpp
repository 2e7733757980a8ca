#include "app/serve.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "app/api.hpp"
#include "app/certificate.hpp"
#include "app/descriptors.hpp"
#include "app/entrance.hpp"
#include "app/partition.hpp"
#include "app/signals.hpp"
#include "auth/authenticator.hpp"
#include "backup/backup.hpp"
#include "host/threads.hpp"
#include "http/router.hpp"
#include "observe/audit.hpp"
#include "operations/web_routes.hpp"
#include "storage/directory.hpp"

namespace bookstore::app {
namespace {

/// Ends the process though an orderly end hangs: with a storage that does not come back, say.
void end_at_the_latest_in(std::chrono::milliseconds time) {
    std::thread([time] {
        std::this_thread::sleep_for(time);
        http::remove_socket_files();
        _exit(1);
    }).detach();
}

/// Who asks, by tokens.
struct Guard {
    Guard(const AuthOptions& options, const Clock& clock)
        : keys(options.keys, clock), authenticator(options.policy, keys, clock) {}
    auth::KeySource keys;
    auth::Authenticator authenticator;
};

class Process {
  public:
    explicit Process(const ServeOptions& options)
        : options_(options),
          lock_(options.system.data_dir),
          threads_(host::System::places(options.contexts, options.system)),
          guard_(guard_of(options, clock_)),
          audit_(audit_of(options, clock_)),
          entrance_(options.hosts, options.cors, trace_requests_),
          server_(
              options.server,
              [this](http::Request& request, http::Done done) {
                  entrance_.dispatch(request, std::move(done));
              },
              [this](const http::Access& access) {
                  observe::log_access(access);
                  if (audit_) {
                      audit_->note(access);
                  }
              }
          ) {
        if (options.rate_limit) {
            entrance_.limit(limiter_.emplace(*options.rate_limit));
            if (guard_) {
                entrance_.limit_by([&guard = *guard_](const http::Request& request) {
                    const auto identity = guard.authenticator.identify(request);
                    return identity ? (*identity)->subject : std::string();
                });
            }
        }
        http::Server::Hooks hooks = entrance_.hooks();
        hooks.precheck_bodies = guard_ != nullptr;
        server_.set_hooks(std::move(hooks));
    }
    ~Process() {
        if (backups_) {
            backups_->stop();
        }
        threads_.stop();
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    int run(const Signals& signals) {
        server_.start();
        spdlog::debug(
            "listening on {}, opening the files of {}", server_.url(), options_.system.data_dir
        );
        warn_of_open_doors();
        // It may take long, and nothing was promised yet: the files stand a crash at any time.
        signals.ends_during([this] { open_files(); });
        open();
        certificate_.look();
        fmt::print("bookstore listens on {}\n", server_.url());
        if (const std::string url = server_.operators_url(); !url.empty()) {
            fmt::print("bookstore listens for operators on {}\n", url);
        }
        std::fflush(stdout);
        const int status = watch(signals);
        signals.release();
        if (status != 0) {
            end_at_the_latest_in(options_.drain_delay + options_.drain_timeout + hanging_end);
        }
        finish();
        spdlog::info("stopped");
        return status;
    }

  private:
    static constexpr std::chrono::seconds hanging_end{5};

    static std::unique_ptr<Guard> guard_of(const ServeOptions& options, const Clock& clock) {
        return options.auth ? std::make_unique<Guard>(*options.auth, clock) : nullptr;
    }

    static std::unique_ptr<observe::AuditLog> audit_of(
        const ServeOptions& options, const Clock& clock
    ) {
        return options.audit_log.empty()
                   ? nullptr
                   : std::make_unique<observe::AuditLog>(options.audit_log, clock);
    }

    void warn_of_open_doors() const {
        if (!guard_ && !options_.server.operators && server_.is_beyond_loopback()) {
            spdlog::warn(
                "whoever reaches {} may stop contexts, rebuild and read metrics, as an operator: "
                "give operators a listener of their own by --operator-listen 127.0.0.1:8081 (or "
                "unix:PATH), and those paths are there alone, or ask for tokens by --auth jwt",
                server_.url()
            );
        }
    }

    void open_files() {
        backup::reject_incomplete_backup(options_.system.data_dir);
        const std::string& directory = options_.system.data_dir;
        try {
            host::SystemOptions system = options_.system;
            if (options_.kafka) {
                const std::string process = fmt::format("{}", fmt::join(system.modules, "-"));
                system.partition = partition_of(*options_.kafka, process, clock_);
            }
            system_.emplace(options_.contexts, system, clock_, random_, threads_.ring());
            storage::sync_directory(directory);
        } catch (const storage::Error& error) {
            if (!error.full() && !host::disk_is_full(directory)) {
                throw;
            }
            throw storage::Refused(fmt::format(
                "the disk of the data directory {} is full ({}); nothing is lost: make room on it "
                "and start again",
                directory,
                error.what()
            ));
        }
    }

    void open() {
        health_.emplace(
            *system_,
            threads_,
            clock_,
            host::Health::Options{
                options_.system.data_dir, options_.stall_timeout, options_.kafka_patience
            }
        );
        metrics_.emplace(
            *system_,
            *health_,
            server_,
            observe::Metrics::Options{
                options_.system.data_dir,
                BOOKSTORE_VERSION,
                limiter_ ? &*limiter_ : nullptr,
                audit_.get()
            }
        );
        state_.emplace(*health_, *metrics_, server_);
        backups_.emplace(*system_, options_.system.data_dir, clock_);
        if (!options_.peers.origins.empty()) {
            split_.emplace(*system_, trace_requests_, options_.peers, clock_, random_.uuid());
        }
        auto routes = api_routes(
            {.system = *system_,
             .state = *state_,
             .backups = *backups_,
             .requests = trace_requests_,
             .split = split_ ? &*split_ : nullptr,
             .roles_claim = options_.auth ? std::string_view(options_.auth->policy.roles_claim)
                                          : std::string_view()},
            BOOKSTORE_VERSION
        );
        std::ranges::move(operations::web_routes(), std::back_inserter(routes));
        metrics_->name_routes(routes);
        if (audit_) {
            audit_->know_routes(routes);
        }
        router_.emplace(std::move(routes));
        if (guard_) {
            router_->authenticate_by(guard_->authenticator);
        }
        threads_.start(*system_);
        entrance_.open(*router_);
    }

    /// Until a signal comes (0), or it was unhealthy for too long (1).
    int watch(const Signals& signals) {
        for (;;) {
            if (const auto number = signals.wait(std::chrono::seconds(1))) {
                spdlog::info("signal {}: finishing what is under way", *number);
                return 0;
            }
            health_->update();
            certificate_.look();
            if (guard_) {
                guard_->keys.look();
            }
            const std::chrono::milliseconds unhealthy = health_->unhealthy_for();
            if (options_.exit_when_unhealthy && unhealthy >= *options_.exit_when_unhealthy) {
                spdlog::critical(
                    "unhealthy for {} s: ending, to be started again", unhealthy.count() / 1000
                );
                return 1;
            }
        }
    }

    void finish() {
        state_->stopping = true;
        std::this_thread::sleep_for(options_.drain_delay);
        server_.stop(options_.drain_timeout);
        backups_->stop();
        threads_.stop();
    }

    const ServeOptions& options_;
    const storage::DirectoryLock lock_;
    const SystemClock clock_;
    SystemRandom random_;
    observe::TraceRequests trace_requests_{clock_, random_};
    host::Threads threads_;
    std::optional<host::System> system_;
    std::optional<host::Health> health_;
    std::optional<observe::Metrics> metrics_;
    std::optional<operations::ProcessState> state_;
    std::optional<backup::Backups> backups_;
    std::optional<http::Router> router_;
    std::optional<peers::Split> split_;               ///< its threads use what is above
    const std::unique_ptr<Guard> guard_;              ///< null: whoever asks may
    const std::unique_ptr<observe::AuditLog> audit_;  ///< null: none is kept
    std::optional<http::RateLimiter> limiter_;
    Entrance entrance_;
    http::Server server_;  ///< the first to go: its threads use the rest
    Certificate certificate_{server_};
};

}  // namespace

int serve(const ServeOptions& given) {
    observe::set_up_log(given.log_format, given.log_level);
    ServeOptions options = given;
    bound_connections(options);
    const Signals signals;
    // A client or a pipe that went away is an error of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    return Process(options).run(signals);
}

}  // namespace bookstore::app
