#include "host/moments.hpp"

#include <fmt/format.h>

#include "bus/moment.hpp"
#include "storage/error.hpp"

namespace bookstore::host {

void require_told_moments(
    const std::string& data_dir, const std::vector<std::unique_ptr<kernel::HostedModule>>& modules
) {
    for (const auto& other : modules) {
        const std::int64_t is = bus::newest_moment(*other->read(), other->name());
        for (const auto& told : modules) {
            const std::int64_t known = bus::newest_moment(*told->read(), other->name());
            if (known > is) {
                throw storage::Refused(fmt::format(
                    "the data directory was put together from different moments: {0}/{1}.db was "
                    "told of moment {2} of {3}.db, which is at {4}: {3}.db is older, and {5} of "
                    "what it recorded are not in it; put the newer {3}.db back, or restore the "
                    "whole directory from one backup (docs/operations.md, Restore)",
                    data_dir,
                    told->name(),
                    known,
                    other->name(),
                    is,
                    known - is
                ));
            }
        }
    }
}

}  // namespace bookstore::host
