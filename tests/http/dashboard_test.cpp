#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "prometheus.hpp"
#include "scrape.hpp"
#include "story.hpp"
#include "support/text_file.hpp"

// What deploy/ tells Prometheus and Grafana to ask is answered: by a real Prometheus that scrapes a
// running bookstore.

using namespace bookstore::test;

namespace {

const std::string dashboard_path = PROJECT_ROOT "/deploy/grafana/dashboard.json";
const std::string rules_path = PROJECT_ROOT "/deploy/prometheus/alerts.yml";

struct Panel {
    std::string title;
    std::vector<std::string> expressions;
};

std::vector<Panel> panels() {
    std::vector<Panel> panels;
    const auto dashboard = boost::json::parse(text_of_file(dashboard_path));
    for (const auto& panel : dashboard.at("panels").as_array()) {
        Panel one{std::string(panel.at("title").as_string()), {}};
        if (const auto* targets = panel.as_object().if_contains("targets")) {
            for (const auto& target : targets->as_array()) {
                one.expressions.emplace_back(target.at("expr").as_string());
            }
        }
        if (panel.at("type") != "row") {
            panels.push_back(std::move(one));
        }
    }
    return panels;
}

/// As Grafana sends it when everything is selected.
std::string as_sent(std::string expression) {
    for (const auto& [variable, value] :
         {std::pair{"\\$__rate_interval", "20s"}, std::pair{"\\$(instance|module)", ".*"}}) {
        expression = std::regex_replace(expression, std::regex(variable), value);
    }
    return expression;
}

std::string address_of(Story& story) {
    return story.process().url().substr(std::string("http://").size());
}

void play(Story& story) {
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    REQUIRE(story.order_becomes(story.place_order(book, customer), "Shipped"));
    story.get("/requestPayment?payment=1000");
}

}  // namespace

TEST_CASE("every query of the dashboard is answered by a real Prometheus, with data") {
    Story story(quick_van());
    play(story);
    Prometheus prometheus(address_of(story), rules_path);
    // A rate is of two scrapes with something between them.
    REQUIRE(eventually([&] { return prometheus.results("count_over_time(up[1m]) >= 2") == 1; }));
    play(story);
    REQUIRE(eventually([&] {
        return prometheus.results("increase(bookstore_events_total{type=\"Payed\"}[1m]) > 0") == 1;
    }));
    CHECK(prometheus.results("up{job=\"bookstore\"} == 1") == 1);
    std::size_t asked = 0;
    for (const Panel& panel : panels()) {
        CAPTURE(panel.title);
        CHECK(!panel.expressions.empty());
        for (const std::string& expression : panel.expressions) {
            CAPTURE(expression);
            const std::string sent = as_sent(expression);
            CHECK(sent.find('$') == sent.npos);
            const auto answer = prometheus.query(sent);
            CHECK_MESSAGE(answer.at("status") == "success", boost::json::serialize(answer));
            CHECK(prometheus.results(sent) > 0);
            ++asked;
        }
    }
    CHECK(asked > 50);
    // A query of what is not there has no data: the check above can fail.
    CHECK(prometheus.results("bookstore_nothing_total") == 0);
    CHECK(prometheus.query("rate(").at("status") == "error");
}

TEST_CASE(
    "the alerts' expressions are evaluated by a real Prometheus, and a quiet bookstore fires none"
) {
    Story story(quick_van());
    play(story);
    Prometheus prometheus(address_of(story), rules_path);
    const auto rules = [&] {
        return prometheus.api("rules").at("data").at("groups").at(0).at("rules").as_array();
    };
    const auto all = [&](const std::string& what, const std::string& value) {
        const auto have = rules();
        return std::ranges::all_of(have, [&](const auto& rule) {
            return rule.at(what).as_string() == value;
        });
    };
    REQUIRE(eventually([&] { return prometheus.results("up == 1") == 1; }));
    CHECK(rules().size() >= 15);
    REQUIRE(eventually([&] { return all("health", "ok"); }));
    // A scrape that came too late on a busy machine passes.
    CHECK(eventually([&] { return all("state", "inactive"); }));
    // A zombie is pending at once: it fires after its 30 s.
    story.get("/makeZombie");
    CHECK(eventually([&] {
        for (const auto& rule : rules()) {
            if (rule.at("name") == "BookstoreUnhealthy") {
                return rule.at("state") == "pending";
            }
        }
        return false;
    }));
}

TEST_CASE("every metric that dashboard and alerts name is one of /metrics, and documented") {
    Story story(quick_van());
    play(story);
    const Scrape metrics(story.get("/metrics").body);
    const std::string page = text_of_file(PROJECT_ROOT "/docs/operations.md");
    for (const auto& [name, family] : metrics.families()) {
        CAPTURE(name);
        CHECK(page.find("`" + name + "`") != page.npos);
    }
    const std::string asked = text_of_file(dashboard_path) + text_of_file(rules_path);
    const std::regex name("\\b(bookstore|process)_[a-z_]+");
    for (std::sregex_iterator found(asked.begin(), asked.end(), name), end; found != end; ++found) {
        std::string family = found->str();
        for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
            if (!metrics.families().contains(family) && family.ends_with(suffix)) {
                family.resize(family.size() - suffix.size());
            }
        }
        CAPTURE(found->str());
        CHECK(metrics.families().contains(family));
    }
}

TEST_CASE("Prometheus takes its configuration in deploy/prometheus") {
    const auto checked = run_program(
        {"/bin/sh",
         "-c",
         "promtool check config " PROJECT_ROOT "/deploy/prometheus/prometheus.yml 2>&1"}
    );
    CHECK_MESSAGE(checked.status == 0, checked.out);
}
