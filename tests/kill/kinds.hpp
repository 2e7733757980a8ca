#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bookstore::test {

/// What the bookstore is doing when it is killed.
enum class Kind : std::uint8_t {
    load,         ///< serving
    migration,    ///< making its files, or bringing older ones up to date
    recovery,     ///< opening its files after a kill
    rebuild,      ///< rebuilding a read model
    shutdown,     ///< ending, after SIGTERM
    backup,       ///< copying its files: POST /backups
    module_stop,  ///< stopping a context, or starting it again: POST /modules/{name}/stop
};

inline constexpr std::array<std::string_view, 7> kind_names{
    "load", "migration", "recovery", "rebuild", "shutdown", "backup", "module-stop"
};

constexpr std::string_view name_of(Kind kind) {
    return kind_names[static_cast<std::size_t>(kind)];
}

}  // namespace bookstore::test
