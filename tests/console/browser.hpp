#pragma once

#include <sys/types.h>

#include <boost/json/value.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "support/bookstore_process.hpp"

namespace bookstore::test {

/// Keys that are no characters, as the WebDriver protocol names them.
namespace key {
inline constexpr std::string_view tab = "\ue004";
inline constexpr std::string_view enter = "\ue007";
inline constexpr std::string_view space = " ";
}  // namespace key

/// A headless Chromium of its own, driven by chromedriver over the WebDriver protocol
/// (w3.org/TR/webdriver2) as a user would: real clicks, real keys. Ends with the test.
///
/// Elements are named by a CSS selector, or by an XPath that begins with "//". What waits does so
/// for at most a minute, and throws with what it waited for.
class Browser {
  public:
    struct Window {
        int width = 1280;
        int height = 900;
        std::string language = "en";
        bool dark = false;
    };

    /// Why there can be none on this machine; empty when there can.
    static std::string missing();

    Browser() : Browser(Window()) {}
    explicit Browser(const Window& window);
    ~Browser();
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

    void open(const std::string& url);

    // ---- as a user does; waits until the element is there and can be used

    void click(const std::string& element);
    /// In place of what stands there.
    void type(const std::string& element, std::string_view text);
    /// To whatever has the focus.
    void press(std::string_view keys);
    /// Presses Tab until that element has the focus; false when it never does.
    bool tab_to(const std::string& element);

    // ---- what is seen

    bool has(const std::string& element);
    /// Empty when it is not there.
    std::string text(const std::string& element);
    /// Waits until its text contains that; false when it did not.
    bool shows(const std::string& element, std::string_view text);
    bool appears(const std::string& element);
    bool disappears(const std::string& element);

    /// What a script returns: the body of a function, run in the page.
    boost::json::value script(const std::string& body);
    std::string script_text(const std::string& body);
    /// As script(); the body calls `done(result)` when it likes.
    boost::json::value script_later(const std::string& body);
    /// What the page wrote to its console, warnings and errors, since the last call.
    std::vector<std::string> complaints();
    /// A PNG of the window.
    void picture(const std::string& path);

  private:
    void start_driver();
    boost::json::value command(
        http::Method method, const std::string& path, const std::string& json = {}
    );
    /// Its reference; empty when it is not there.
    std::string find(const std::string& element);
    /// Runs it on the element until it succeeds.
    void on(const std::string& element, const std::string& path, const std::string& json);
    void set_up(const Window& window);

    TemporaryDirectory files_;
    pid_t driver_ = -1;
    std::string driver_url_;
    std::string session_;
};

}  // namespace bookstore::test
