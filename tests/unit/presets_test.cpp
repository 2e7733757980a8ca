#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <sstream>
#include <string>

// The builds that look for mistakes have the standard library look for them too.

namespace bookstore::test {
namespace {

boost::json::value presets() {
    std::ifstream file(PROJECT_ROOT "/CMakePresets.json");
    std::ostringstream text;
    text << file.rdbuf();
    return boost::json::parse(text.str()).at("configurePresets");
}

/// A cache variable of that preset, or of the one that it inherits; empty when there is none.
std::string variable(
    const boost::json::value& all, const std::string& preset, const std::string& name
) {
    for (const auto& one : all.as_array()) {
        const auto& object = one.as_object();
        if (object.at("name").as_string() != preset) {
            continue;
        }
        const auto* own = object.if_contains("cacheVariables");
        const auto* value = own == nullptr ? nullptr : own->as_object().if_contains(name);
        if (value != nullptr) {
            return std::string(value->as_string());
        }
        const auto* parent = object.if_contains("inherits");
        return parent == nullptr ? "" : variable(all, std::string(parent->as_string()), name);
    }
    return {};
}

}  // namespace

TEST_CASE("the standard library's assertions are on in every build but the release") {
    const auto all = presets();
    int checked = 0;
    for (const auto& one : all.as_array()) {
        const std::string name(one.at("name").as_string());
        CAPTURE(name);
        if (variable(all, name, "CMAKE_BUILD_TYPE") == "Debug") {
            const auto flags = variable(all, name, "CMAKE_CXX_FLAGS");
            CHECK(flags.find("-D_GLIBCXX_ASSERTIONS") != std::string::npos);
            ++checked;
        } else {
            CHECK(variable(all, name, "BOOKSTORE_SANITIZE").empty());
        }
    }
    CHECK(checked >= 4);
}

TEST_CASE("the standard library's assertions are on where a sanitizer is") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#ifdef _GLIBCXX_ASSERTIONS
    constexpr bool asserts = true;
#else
    constexpr bool asserts = false;
#endif
    CHECK(asserts);
#endif
}

}  // namespace bookstore::test
