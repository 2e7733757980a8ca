#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bookstore::kafka {

/// A setting of the client by its name in librdkafka's CONFIGURATION.md.
struct Setting {
    std::string name;
    std::string value;
};

/// Which topic of which brokers, and what else their client is to know.
struct Settings {
    std::string brokers;  ///< HOST:PORT, some of them, with commas between
    std::string topic = "cnabookstore";
    std::string client_id = "bookstore";
    /// Encryption, passwords, sizes, times: whatever the pipe does not depend on.
    std::vector<Setting> more{};
};

/// What a file says that has a line NAME=VALUE a setting, and comments from # to the line's end
/// where the line begins with one; blanks around name and value are not part of them. Throws
/// std::runtime_error with file and line for a line that is none of these, for what was said
/// before, and for what setting_fault() says.
std::vector<Setting> read_config(const std::string& path);

/// Why somebody cannot set that: the client does not know it, does not take the value, or the pipe
/// sets it itself, since its promises rest on it. No value is repeated that may be a secret.
/// Throws when the bookstore was built without a client.
std::optional<std::string> setting_fault(const Setting& setting);

/// Names a file and what the pipe sets itself; part of setting_fault().
bool is_set_by_the_pipe(std::string_view name);

}  // namespace bookstore::kafka
