#include "kernel/write_repeatedly.hpp"

#include <memory>
#include <utility>
#include <variant>

namespace bookstore::kernel {

void write_repeatedly(Module& module, std::function<bool(bus::UnitOfWork&)> write) {
    auto more = std::make_shared<bool>(false);
    const auto run = [more, write](bus::UnitOfWork& work) -> http::Answer {
        *more = write(work);
        return http::Response{};
    };
    module.write(run, [&module, more, write](const http::Answer& answer) {
        if (*more && std::holds_alternative<http::Response>(answer)) {
            write_repeatedly(module, write);
        }
    });
}

}  // namespace bookstore::kernel
