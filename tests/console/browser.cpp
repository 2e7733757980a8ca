#include "browser.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace bookstore::test {
namespace {

namespace json = boost::json;
using http::Method;

constexpr auto patience = std::chrono::seconds(60);
/// The protocol's name of an element reference.
constexpr std::string_view reference = "element-6066-11e4-a52e-4f735466cecf";

/// Its path; empty when PATH has none.
std::string program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream directories(path == nullptr ? "" : path);
    for (std::string directory; std::getline(directories, directory, ':');) {
        const std::string file = directory + "/" + name;
        if (access(file.c_str(), X_OK) == 0) {
            return file;
        }
    }
    return {};
}

std::string json_text(std::string_view text) {
    return json::serialize(json::value(text));
}

/// Only what the protocol calls an error is thrown.
class WebDriverError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string base64_decoded(std::string_view text) {
    std::string bytes;
    unsigned buffer = 0;
    int bits = 0;
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (const char c : text) {
        const auto value = alphabet.find(c);
        if (value == alphabet.npos) {
            continue;
        }
        buffer = buffer << 6U | static_cast<unsigned>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(buffer >> static_cast<unsigned>(bits) & 0xFFU);
        }
    }
    return bytes;
}

}  // namespace

std::string Browser::missing() {
    for (const char* name : {"chromium", "chromedriver"}) {
        if (program(name).empty()) {
            return fmt::format("no {} here; scripts/setup test installs it", name);
        }
    }
    return {};
}

Browser::Browser(const Window& window) {
    start_driver();
    // Some containers offer a /dev/shm that is too small, and no user namespaces for a sandbox.
    const std::string session = fmt::format(
        R"({{"capabilities":{{"alwaysMatch":{{"browserName":"chrome",
            "goog:loggingPrefs":{{"browser":"ALL"}},
            "goog:chromeOptions":{{"binary":{},"args":["--headless=new","--no-sandbox","--disable-gpu",
                "--disable-dev-shm-usage","--hide-scrollbars","--no-first-run","--lang={}",
                "--enable-precise-memory-info","--js-flags=--expose-gc","--user-data-dir={}/profile"],
                "prefs":{{"intl.accept_languages":"{}"}}}}}}}}}})",
        json_text(program("chromium")),
        window.language,
        files_.path(),
        window.language
    );
    const auto answer = command(Method::post, "/session", session);
    session_ = "/session/" + std::string(answer.at("sessionId").as_string());
    set_up(window);
}

Browser::~Browser() {
    try {
        if (!session_.empty()) {
            command(Method::del, session_);
        }
    } catch (const std::exception&) {
        // It is killed below.
    }
    if (driver_ > 0) {
        // Its process group: the browser's processes are in it.
        ::kill(-driver_, SIGKILL);
        waitpid(driver_, nullptr, 0);
    }
}

void Browser::start_driver() {
    const std::string path = program("chromedriver");
    const std::string out = files_.path() + "/driver";
    std::array<std::string, 2> words{path, "--port=0"};
    std::array<char*, 3> argv{words[0].data(), words[1].data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    const int rc = posix_spawn(&driver_, path.c_str(), &actions, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        throw std::runtime_error("cannot run " + path);
    }
    constexpr std::string_view told = "started successfully on port ";
    const bool started = eventually(
        [&] {
            const std::ifstream file(out);
            std::ostringstream text;
            text << file.rdbuf();
            const std::string said = text.str();
            const auto at = said.find(told);
            const auto end = said.find_first_not_of("0123456789", at + told.size());
            if (at == said.npos || end == said.npos) {
                return false;
            }
            driver_url_ =
                "http://127.0.0.1:" + said.substr(at + told.size(), end - at - told.size());
            return true;
        },
        patience
    );
    if (!started) {
        throw std::runtime_error("chromedriver does not start");
    }
}

void Browser::set_up(const Window& window) {
    const auto cdp = [&](std::string_view name, const std::string& parameters) {
        command(
            Method::post,
            session_ + "/goog/cdp/execute",
            fmt::format(R"({{"cmd":"{}","params":{}}})", name, parameters)
        );
    };
    // A headless window is never narrower than 500; a phone's page is.
    cdp("Emulation.setDeviceMetricsOverride",
        fmt::format(
            R"({{"width":{},"height":{},"deviceScaleFactor":1,"mobile":false}})",
            window.width,
            window.height
        ));
    cdp("Emulation.setEmulatedMedia",
        fmt::format(
            R"({{"features":[{{"name":"prefers-color-scheme","value":"{}"}}]}})",
            window.dark ? "dark" : "light"
        ));
}

json::value Browser::command(Method method, const std::string& path, const std::string& body) {
    std::vector<http::Header> headers;
    if (!body.empty()) {
        headers.push_back({"Content-Type", "application/json"});
    }
    const auto answer = http::fetch(
        method, http::parse_url(driver_url_ + path), body, headers, std::chrono::minutes(5)
    );
    json::value value = json::parse(answer.body).at("value");
    if (answer.status != 200) {
        throw WebDriverError(fmt::format("{}: {}", path, json::serialize(value)));
    }
    return value;
}

void Browser::open(const std::string& url) {
    command(Method::post, session_ + "/url", fmt::format(R"({{"url":{}}})", json_text(url)));
}

std::string Browser::find(const std::string& element) {
    const bool xpath = element.starts_with("//");
    const auto found = command(
        Method::post,
        session_ + "/elements",
        fmt::format(
            R"({{"using":"{}","value":{}}})", xpath ? "xpath" : "css selector", json_text(element)
        )
    );
    const auto& all = found.as_array();
    return all.empty() ? std::string() : std::string(all[0].at(reference).as_string());
}

void Browser::on(const std::string& element, const std::string& path, const std::string& body) {
    std::string why = "it is not there";
    const bool done = eventually(
        [&] {
            try {
                const std::string found = find(element);
                if (found.empty()) {
                    return false;
                }
                command(Method::post, session_ + "/element/" + found + path, body);
                return true;
            } catch (const WebDriverError& error) {
                why = error.what();  // covered, redrawn, not enabled yet
                return false;
            }
        },
        patience
    );
    if (!done) {
        throw std::runtime_error(fmt::format("{}{}: {}", element, path, why));
    }
}

void Browser::click(const std::string& element) {
    on(element, "/click", "{}");
}

void Browser::type(const std::string& element, std::string_view text) {
    on(element, "/clear", "{}");
    on(element, "/value", fmt::format(R"({{"text":{}}})", json_text(text)));
}

void Browser::press(std::string_view keys) {
    const auto focused = command(Method::get, session_ + "/element/active");
    command(
        Method::post,
        fmt::format(
            "{}/element/{}/value", session_, std::string(focused.at(reference).as_string())
        ),
        fmt::format(R"({{"text":{}}})", json_text(keys))
    );
}

bool Browser::tab_to(const std::string& element) {
    constexpr int most = 120;
    for (int i = 0; i < most; ++i) {
        const auto focused = command(Method::get, session_ + "/element/active");
        if (focused.at(reference).as_string() == find(element)) {
            return true;
        }
        press(key::tab);
    }
    return false;
}

bool Browser::has(const std::string& element) {
    return !find(element).empty();
}

std::string Browser::text(const std::string& element) {
    try {
        const std::string found = find(element);
        if (found.empty()) {
            return {};
        }
        const auto text = command(Method::get, fmt::format("{}/element/{}/text", session_, found));
        return std::string(text.as_string());
    } catch (const WebDriverError&) {
        return {};  // it was redrawn meanwhile
    }
}

bool Browser::shows(const std::string& element, std::string_view wanted) {
    return eventually([&] { return text(element).find(wanted) != std::string::npos; }, patience);
}

bool Browser::appears(const std::string& element) {
    return eventually([&] { return has(element); }, patience);
}

bool Browser::disappears(const std::string& element) {
    return eventually([&] { return !has(element); }, patience);
}

json::value Browser::script(const std::string& body) {
    return command(
        Method::post,
        session_ + "/execute/sync",
        fmt::format(R"({{"script":{},"args":[]}})", json_text(body))
    );
}

std::string Browser::script_text(const std::string& body) {
    const auto value = script(body);
    return value.is_string() ? std::string(value.as_string()) : json::serialize(value);
}

json::value Browser::script_later(const std::string& body) {
    return command(
        Method::post,
        session_ + "/execute/async",
        fmt::format(
            R"({{"script":{},"args":[]}})",
            json_text("const done = arguments[arguments.length - 1];" + body)
        )
    );
}

std::vector<std::string> Browser::complaints() {
    std::vector<std::string> said;
    const auto log = command(Method::post, session_ + "/se/log", R"({"type":"browser"})");
    for (const auto& entry : log.as_array()) {
        const std::string_view level = entry.at("level").as_string();
        // A refused request is told by the page itself; Chromium complains of each as well.
        const bool network = entry.at("source").as_string() == "network";
        if (!network && (level == "SEVERE" || level == "WARNING")) {
            said.emplace_back(entry.at("message").as_string());
        }
    }
    return said;
}

void Browser::picture(const std::string& path) {
    const auto png = command(Method::get, session_ + "/screenshot");
    std::ofstream(path, std::ios::binary) << base64_decoded(png.as_string());
}

}  // namespace bookstore::test
