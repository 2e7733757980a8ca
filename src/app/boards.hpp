#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/system.hpp"
#include "kernel/board.hpp"
#include "kernel/module.hpp"

namespace bookstore::app {

/// Gives each context with what it declares, in the order of the table, though no file is opened
/// and nothing runs. The module is not hosted, and lives as long as the call.
void for_each_declared(
    const host::Contexts& contexts,
    const std::function<void(const kernel::Context& context, const kernel::Module& declared)>& visit
);

/// Each context's board, in the order of the table.
std::vector<kernel::Board> boards(const host::Contexts& contexts);
/// An event that a context handles which is hosted, though nobody publishes it who is.
struct MissedEvent {
    std::string context;
    std::string type;
    std::string publisher;  ///< a context
};
/// One such, of a process that hosts these contexts alone; nothing when there is none.
std::optional<MissedEvent> missed_event(
    const host::Contexts& contexts, const std::vector<std::string>& hosted
);
/// Each context's board of a running system: also of the contexts that it does not host.
std::vector<kernel::Board> boards(const host::System& system);

}  // namespace bookstore::app
