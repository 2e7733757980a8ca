#pragma once

#include <functional>
#include <string>

namespace bookstore::kernel {

class Module;
class Rebuild;

/// Adds POST (202; 409 while one is under way, 507 without room), DELETE (cancels it) and GET (its
/// progress) of /rebuilds/NAME. `rebuild` is asked for when a request comes.
void add_rebuild_routes(Module& module, const std::string& name, std::function<Rebuild&()> rebuild);

}  // namespace bookstore::kernel
