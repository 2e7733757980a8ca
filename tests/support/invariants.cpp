#include "support/invariants.hpp"

#include "app/check_contexts.hpp"
#include "check/check.hpp"

namespace bookstore::test {

std::vector<std::string> violated_invariants(const std::string& data_dir, const std::string& vfs) {
    return check::check({.contexts = app::check_contexts(),
                         .data_dirs = {data_dir},
                         .vfs = vfs,
                         .access = check::Access::shared,
                         .at_rest = true,
                         .integrity = false})
        .violations;
}

}  // namespace bookstore::test
