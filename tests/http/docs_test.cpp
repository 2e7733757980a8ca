#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "story.hpp"

using namespace bookstore::test;

// The page that draws the API in a browser, by its routes and its text.

namespace {

constexpr std::size_t max_page_bytes = 60'000;

struct File {
    std::string path;
    std::string media_type;
};

const std::vector<File> files{
    {"/docs", "text/html;charset=UTF-8"},
    {"/docs/docs.css", "text/css;charset=UTF-8"},
    {"/docs/docs.js", "text/javascript;charset=UTF-8"}
};

/// The values of an HTML attribute, in order.
std::vector<std::string> attributes(const std::string& html, const std::string& name) {
    std::vector<std::string> values;
    const std::string before = " " + name + "=\"";
    for (auto at = html.find(before); at != html.npos; at = html.find(before, at)) {
        at += before.size();
        values.push_back(html.substr(at, html.find('"', at) - at));
    }
    return values;
}

/// How often `what` stands in the text.
std::size_t times(std::string_view text, std::string_view what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) {
        ++count;
    }
    return count;
}

bool contains(const std::string& text, std::string_view what) {
    return text.find(what) != text.npos;
}

}  // namespace

TEST_CASE("the page and its files are served, and small") {
    Story story;
    std::size_t total = 0;
    for (const auto& [path, media_type] : files) {
        CAPTURE(path);
        const auto answer = story.get(path);
        CHECK(answer.status == 200);
        CHECK(answer.header("Content-Type") == media_type);
        CHECK(answer.header("Content-Length") == std::to_string(answer.body.size()));
        CHECK(answer.header("Cache-Control") == "no-cache");
        CHECK(answer.header("X-Content-Type-Options") == "nosniff");
        CHECK(answer.header("Referrer-Policy") == "no-referrer");
        CHECK(
            answer.header("Content-Security-Policy") ==
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        CHECK(answer.body.size() > 500);
        total += answer.body.size();
    }
    CHECK(total < max_page_bytes);
    CHECK(story.get("/docs").body.starts_with("<!doctype html>"));
    CHECK(story.get("/docs").body.ends_with("</html>\n"));
    CHECK(error_fault(story.get("/docs/docs.html"), 404, "/docs/docs.html") == "");
}

TEST_CASE("HEAD says what GET says of the page, without a body") {
    Story story;
    for (const auto& file : files) {
        CAPTURE(file.path);
        const auto whole = story.get(file.path);
        const auto head = story.send(Method::head, file.path);
        CHECK(head.status == 200);
        CHECK(head.body.empty());
        for (const std::string name : {"Content-Type", "Content-Length", "ETag"}) {
            CHECK(head.header(name) == whole.header(name));
        }
    }
}

TEST_CASE("who has the page's bytes is answered 304") {
    Story story;
    std::vector<std::string> etags;
    for (const auto& file : files) {
        CAPTURE(file.path);
        const std::string etag = story.get(file.path).header("ETag");
        REQUIRE(etag.size() > 8);
        CHECK(etag.starts_with('"'));
        CHECK(etag.ends_with('"'));
        for (const std::string& known : {etag, "W/" + etag, "\"a,b\", " + etag, std::string("*")}) {
            CAPTURE(known);
            const auto answer = story.get(file.path, {{"If-None-Match", known}});
            CHECK(answer.status == 304);
            CHECK(answer.body.empty());
            CHECK(answer.header("ETag") == etag);
            CHECK(answer.header("Cache-Control") == "no-cache");
        }
        for (const std::string& other : {std::string("\"other\""), etag.substr(1), std::string()}) {
            CAPTURE(other);
            CHECK(story.get(file.path, {{"If-None-Match", other}}).status == 200);
        }
        etags.push_back(etag);
    }
    std::ranges::sort(etags);
    CHECK(std::ranges::adjacent_find(etags) == etags.end());
}

TEST_CASE("/docs/ leads to /docs, from where the page's relative URLs count") {
    Story story;
    for (const std::string path : {"/docs/", "/docs/?x"}) {
        const auto answer = story.get(path);
        CHECK(answer.status == 308);
        CHECK(answer.header("Location") == "../docs");
        CHECK(answer.body.empty());
    }
    CHECK(story.get("/docs?x=/").status == 200);
}

TEST_CASE("the page is read, in HTML") {
    Story story;
    CHECK(error_fault(story.post("/docs", "{}"), 405, "/docs") == "");
    CHECK(story.post("/docs", "{}").header("Allow") == "GET, HEAD, OPTIONS");
    const auto json = story.get("/docs", {{"Accept", "application/json"}});
    CHECK(error_fault(json, 406, "/docs") == "");
    CHECK(story.get("/docs", {{"Accept", "text/html,*/*;q=0.8"}}).status == 200);
    CHECK(story.get("/docs/docs.css", {{"Accept", "text/css,*/*;q=0.1"}}).status == 200);
}

TEST_CASE("the page loads what this server has, by relative URLs, and nothing else") {
    Story story;
    const std::string html = story.get("/docs").body;
    auto loaded = attributes(html, "src");
    for (const std::string& href : attributes(html, "href")) {
        if (!href.starts_with('#') && !href.starts_with("data:image/")) {
            loaded.push_back(href);
        }
    }
    std::ranges::sort(loaded);
    // openapi.json is the description itself, whoever serves it.
    CHECK(loaded == std::vector<std::string>{"docs/docs.css", "docs/docs.js", "openapi.json"});

    const std::string css = story.get("/docs/docs.css").body;
    for (const std::string_view loader : {"url(", "@import", "http:", "https:"}) {
        CHECK_MESSAGE(!contains(css, loader), loader);
    }
    const std::string js = story.get("/docs/docs.js").body;
    for (const std::string_view loader : {"http://", "https://", "import(", "import ", "\"//"}) {
        CHECK_MESSAGE(!contains(js, loader), loader);
    }
    CHECK(contains(js, "new URL(\"openapi.json\", location.href)"));
}

TEST_CASE("the page holds no script or style of its own, and its script makes no markup") {
    Story story;
    const std::string html = story.get("/docs").body;
    CHECK(times(html, "<script") == 1);
    CHECK(contains(html, "defer></script>"));
    for (const std::string_view inlined :
         {"<style", " style=", " onload=", " onerror=", " onclick=", "javascript:"}) {
        CHECK_MESSAGE(times(html, inlined) == 0, inlined);
    }
    const std::string js = story.get("/docs/docs.js").body;
    for (const std::string_view maker :
         {"innerHTML",
          "outerHTML",
          "insertAdjacentHTML",
          "document.write",
          "DOMParser",
          "eval(",
          "new Function",
          "createContextualFragment"}) {
        CHECK_MESSAGE(!contains(js, maker), maker);
    }
}
