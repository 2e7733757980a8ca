#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "bus/event.hpp"
#include "host/offline_system.hpp"

namespace bookstore::host {

/// What an adoption found and did.
struct Adopted {
    struct Event {
        bus::Envelope event;
        std::string why_not;  ///< empty: it was taken back
    };
    std::vector<Event> lacked;          ///< its own events that its file did not have
    std::int64_t handled_to = 0;        ///< position up to which the log was handled anew
    std::size_t known = 0;              ///< reactions made anew that the log had already
    std::vector<bus::Envelope> unsent;  ///< what it publishes now, behind what the log has of it
    std::int64_t held = 0;              ///< events that its policies could not handle
};

/// Takes a context back into the shop whose file was restored from a backup older than what the
/// topic has of it. Up to the last of its own events that the file lacks, the log is handled anew,
/// and each of these is taken back (kernel::Module::takes_back): the state says again what the log
/// says. Reactions that the log has already are dropped, all others get new positions behind it.
/// What no event tells stays lost.
///
/// Works on a copy of that file: what fails leaves something that must not be used.
class Adoption {
  public:
    /// `directory` has a copy of that context's file alone, and the mirror of the partition.
    Adoption(
        const std::string& directory,
        std::string_view context,
        const Contexts& contexts,
        const Clock& clock,
        PartitionOptions partition
    );

    /// Reads the partition to its end, then adopts; nothing is sent. Throws storage::Refused: there
    /// is nothing to adopt, or the log is not one that can be; no word comes from the broker for
    /// `patience`; or the file cannot be read or written.
    Adopted run(std::chrono::milliseconds patience);

  private:
    struct Own;

    void read_to_the_end(std::chrono::milliseconds patience);
    Own own_events();
    std::int64_t same_to(std::int64_t removed);
    std::vector<bus::Envelope> lacking(const Own& own);
    void handle_to(std::int64_t position);
    std::string take_back(const bus::Envelope& event);
    void replace_outbox(const Own& own, Adopted& adopted);
    std::int64_t held() const;
    void commit(std::function<void(storage::Connection&)> write);

    const Clock& clock_;
    OfflineSystem offline_;
    kernel::HostedModule& module_;
};

}  // namespace bookstore::host
