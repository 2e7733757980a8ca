#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "base/breaker.hpp"
#include "check/context_file.hpp"
#include "kernel/story.hpp"

namespace bookstore::kernel {

class HostedModule;
class Module;

/// How contexts of a process find each other: who is hosted, what each offers to others, and whose
/// waiting work to retry when one answers again. Filled while they are installed, before anything
/// runs; one thread.
class Wiring {
  public:
    Wiring() = default;
    ~Wiring();
    Wiring(const Wiring&) = delete;
    Wiring& operator=(const Wiring&) = delete;

    void host(HostedModule& module) { hosted_.push_back(&module); }
    /// Null where this process does not host that context.
    HostedModule* hosted(std::string_view context) const;

    /// What a context offers to those that need it, beside its file: kept until the end.
    template <class T>
    T& offer(std::string_view context, std::shared_ptr<T> offered) {
        T& kept = *offered;
        keep({std::string(context), &typeid(T), std::move(offered)});
        return kept;
    }
    /// Null where that context is not hosted, or offers no T.
    template <class T>
    T* offered(std::string_view context) const {
        return static_cast<T*>(find(context, typeid(T)));
    }

    /// A circuit breaker that a context has: operators see how it stands.
    void note_breaker(std::string_view context, std::string_view name, Breaker& breaker);
    struct NotedBreaker {
        std::string context;
        std::string name;
        Breaker* breaker;
    };
    const std::vector<NotedBreaker>& breakers() const { return breakers_; }

    /// Context::retry_waiting of that context, bound to its module.
    void set_retry_waiting(std::string_view context, std::function<void()> retry);
    /// For an adapter: a function that calls what set_retry_waiting() was given for that context,
    /// to be called when a context that it asks answers again.
    std::function<void()> retry_waiting_of(std::string_view context) const;

  private:
    struct Offer {
        std::string context;
        const std::type_info* type;
        std::shared_ptr<void> offered;
    };
    struct Retry {
        std::string context;
        std::function<void()> retry;
    };
    void keep(Offer offer) { offers_.push_back(std::move(offer)); }
    void* find(std::string_view context, const std::type_info& type) const;

    std::vector<HostedModule*> hosted_;
    std::vector<Offer> offers_;  ///< what was offered last goes first
    std::vector<NotedBreaker> breakers_;
    std::vector<Retry> retries_;
};

/// One context, as the table of contexts has it: everything that others must know of it.
struct Context {
    std::string name;  ///< its directory's, file's, flag's and metric label's
    /// What its file holds, for whoever finds it damaged: "the orders".
    std::string holds;
    /// Nothing but what events made: a damaged file may be removed, and is made anew.
    bool from_events_alone = false;
    /// Contexts that it asks and waits for. Those that are hosted are installed before it.
    std::vector<std::string> needs{};
    /// Declares it (Module), offers its ports and takes those that it needs (Wiring). It may also
    /// be called only for what is declared: then the module is not hosted, and no port is there.
    std::function<void(Module& module, Wiring& wiring)> install;
    /// One of those that it needs, or it itself, answers again: what waits for an answer is tried
    /// now. Any thread; may be empty.
    std::function<void(Module& module)> retry_waiting{};
    /// What it adds to the story of an order.
    Story story{};
    /// Its tables whose rows are never removed: the check asks for their ids without a gap.
    std::vector<check::Table> tables{};
    /// What `bookstore check` looks for in its file beside that; may be empty.
    check::OwnCheck check{};
};

}  // namespace bookstore::kernel
