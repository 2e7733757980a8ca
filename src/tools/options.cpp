#include "tools/options.hpp"

#include <algorithm>
#include <cctype>

namespace bookstore::tools {

std::string environment_name(std::string flag) {
    flag.erase(0, 2);
    std::ranges::transform(flag, flag.begin(), [](char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return "BOOKSTORE_" + flag;
}

CLI::Option* add_url(CLI::App& app, std::string& url) {
    return add_setting(app, "--url", url, "Of the running server: http://HOST:PORT, or unix:PATH");
}

void add_place(CLI::App& app, Place& place) {
    CLI::Option* at = add_url(app, place.url);
    CLI::Option* in = app.add_option(
        "--data-dir", place.data_dir, "Work on this directory, which no process may hold, instead"
    );
    at->excludes(in);
}

}  // namespace bookstore::tools
