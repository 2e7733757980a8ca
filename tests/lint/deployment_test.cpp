#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "source.hpp"

// The Dockerfile, compose.yaml and the manifests of Kubernetes say the same of ports, users, places
// and times. Whether the binary takes what they say is seen in tests/http/deployment_test.cpp.

namespace lint {
namespace {

// What stands right behind each `key`: a word, without quotes.
std::vector<std::string> values_of(std::string_view text, std::string_view key) {
    std::vector<std::string> values;
    for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at)) {
        at += key.size();
        if (at < text.size() && text[at] == '"') {
            ++at;
        }
        const auto begin = at;
        while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 ||
                                    std::string_view("-_.:/[]").contains(text[at]))) {
            ++at;
        }
        values.emplace_back(text.substr(begin, at - begin));
    }
    return values;
}

// A value that must stand behind `key` in that file, wherever the key stands and at least once.
struct Place {
    std::string path;
    std::string key;
    std::string value;
};

std::vector<Finding> place_findings(
    const std::vector<Source>& sources, const std::vector<Place>& places
) {
    std::vector<Finding> findings;
    for (const auto& place : places) {
        const auto source = std::ranges::find(sources, place.path, &Source::path);
        const auto values = source == sources.end() ? std::vector<std::string>()
                                                    : values_of(source->text, place.key);
        const bool good = !values.empty() && std::ranges::all_of(values, [&](const auto& value) {
            return value == place.value;
        });
        if (!good) {
            findings.push_back({place.path, 1, "wants " + place.key + place.value});
        }
    }
    return findings;
}

std::string text_of(const std::vector<Source>& sources, std::string_view path) {
    const auto source = std::ranges::find(sources, path, &Source::path);
    return source == sources.end() ? std::string() : source->text;
}

// Empty when it is not there once.
std::string value_of(
    const std::vector<Source>& sources, std::string_view path, std::string_view key
) {
    const auto values = values_of(text_of(sources, path), key);
    return values.size() == 1 ? values.front() : std::string();
}

std::vector<Place> agreed_places(const std::vector<Source>& sources) {
    const auto port = value_of(sources, "Dockerfile", "EXPOSE ");
    const auto bound = value_of(sources, "Dockerfile", "BOOKSTORE_OPERATOR_LISTEN=");
    // What is for operators has a port of its own, which no ingress and no probe knows.
    const auto operators = bound.substr(bound.rfind(':') + 1);
    const auto data = value_of(sources, "Dockerfile", "VOLUME ");
    const auto user = value_of(sources, "Dockerfile", "USER ");
    const auto uid = user.substr(0, user.find(':'));
    const auto gid = user.substr(std::min(user.find(':'), user.size() - 1) + 1);
    const auto version = value_of(sources, "CMakeLists.txt", "project(bookstore VERSION ");
    std::vector<Place> places{
        {"Dockerfile", "BOOKSTORE_LISTEN=", "[::]:" + port},
        {"Dockerfile", "BOOKSTORE_OPERATOR_LISTEN=", "127.0.0.1:" + operators},
        {"Dockerfile", "BOOKSTORE_URL=", "http://127.0.0.1:" + operators},
        {"Dockerfile", "\"--url\", ", "http://127.0.0.1:" + port},
        {"Dockerfile", "BOOKSTORE_DATA_DIR=", data},
        {"Dockerfile", "install -d -o ", uid},
        {"Dockerfile", "image.version=", version},
        {"compose.yaml", "ports: [", port + ":" + port},
        {"compose.yaml",
         "\"127.0.0.1:808",
         operators.substr(std::min<std::size_t>(3, operators.size())) + ":" + operators},
        {"compose.yaml", "BOOKSTORE_OPERATOR_LISTEN: ", "[::]:" + operators},
        {"deploy/prometheus/prometheus.yml", "targets: [", "bookstore:" + operators},
        {"deploy/split/compose.yaml", "BOOKSTORE_OPERATOR_LISTEN: ", "[::]:" + operators},
        {"deploy/split/kustomization.yaml", "BOOKSTORE_OPERATOR_LISTEN=", "[::]:" + operators},
        {"deploy/split/kubernetes/van.yaml",
         "BOOKSTORE_OPERATOR_LISTEN, value: ",
         "[::]:" + operators},
        {"deploy/split/kubernetes/van.yaml", "{name: operators, port: ", operators},
        {"deploy/split/kubernetes/contexts.yaml", "{name: operators, port: ", operators},
        {"deploy/kubernetes/bookstore.yaml",
         "BOOKSTORE_OPERATOR_LISTEN, value: ",
         "127.0.0.1:" + operators},
        {"deploy/kubernetes/van.yaml",
         "BOOKSTORE_OPERATOR_LISTEN, value: ",
         "127.0.0.1:" + operators},
        {"deploy/kubernetes/ingress.yaml", "port: {name: ", "http"},
        {"compose.yaml", "volumes: [", "data:" + data},
        {"compose.yaml", "--url, ", "http://bookstore:" + port},
        {"deploy/kubernetes/kustomization.yaml", "newTag: ", version},
        {"deploy/split/kustomization.yaml", "newTag: ", version},
        {"deploy/split/compose.yaml", "ports: [", port + ":" + port},
        {"deploy/split/nginx.conf", "listen ", port},
        {"deploy/split/common.yaml", "containerPort: ", port},
        {"deploy/split/common.yaml", "httpGet: {path: /isReady, port: ", "http"},
        {"deploy/split/common.yaml", "httpGet: {path: /isHealthy, port: ", "http"},
        {"deploy/split/common.yaml", "runAsUser: ", uid},
        {"deploy/split/common.yaml", "runAsGroup: ", gid},
        {"deploy/split/common.yaml", "fsGroup: ", gid},
        {"deploy/split/common.yaml", "mountPath: ", data},
        {"deploy/split/kubernetes/contexts.yaml", "{name: http, port: ", port},
        {"deploy/split/kubernetes/contexts.yaml", "image: ", "bookstore"},
    };
    for (const std::string path :
         {"deploy/kubernetes/bookstore.yaml",
          "deploy/kubernetes/van.yaml",
          "deploy/split/kubernetes/van.yaml"}) {
        places.push_back({path, "containerPort: ", port});
        places.push_back({path, "{name: http, port: ", port});
        places.push_back({path, "httpGet: {path: /isReady, port: ", "http"});
        places.push_back({path, "httpGet: {path: /isHealthy, port: ", "http"});
        places.push_back({path, "runAsUser: ", uid});
        places.push_back({path, "runAsGroup: ", gid});
        places.push_back({path, "fsGroup: ", gid});
        places.push_back({path, "mountPath: ", data});
        places.push_back({path, "image: ", "bookstore"});
    }
    return places;
}

int number_of(const std::string& text) {
    return text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) == 0 ? -1
                                                                                  : std::stoi(text);
}

// Whoever is told to stop is killed only after it had the time that it may take.
std::vector<Finding> grace_findings(const std::vector<Source>& sources) {
    const auto ms_of = [&](const std::string& path, const std::string& key) {
        return number_of(value_of(sources, path, key));
    };
    std::vector<Finding> findings;
    for (const std::string path :
         {"deploy/kubernetes/bookstore.yaml",
          "deploy/kubernetes/van.yaml",
          "deploy/split/kubernetes/van.yaml"}) {
        const int delay = ms_of(path, "{name: BOOKSTORE_DRAIN_DELAY, value: ");
        const int timeout = ms_of(path, "{name: BOOKSTORE_DRAIN_TIMEOUT, value: ");
        const int grace_s = ms_of(path, "terminationGracePeriodSeconds: ");
        if (delay <= 0 || timeout < 0 || grace_s * 1000 <= delay + timeout) {
            findings.push_back({path, 1, "its grace period ends before it had time to drain"});
        }
    }
    for (const std::string path : {"compose.yaml", "deploy/split/compose.yaml"}) {
        const int timeout = ms_of(path, "BOOKSTORE_DRAIN_TIMEOUT: ");
        if (timeout < 0 || ms_of(path, "stop_grace_period: ") * 1000 <= timeout) {
            findings.push_back({path, 1, "its grace period ends before it had time to drain"});
        }
    }
    const std::string split = "deploy/split/kustomization.yaml";
    const int delay = ms_of(split, "BOOKSTORE_DRAIN_DELAY=");
    const int timeout = ms_of(split, "BOOKSTORE_DRAIN_TIMEOUT=");
    const int grace_s = ms_of("deploy/split/common.yaml", "terminationGracePeriodSeconds: ");
    if (delay <= 0 || timeout < 0 || grace_s * 1000 <= delay + timeout) {
        findings.push_back({split, 1, "its grace period ends before it had time to drain"});
    }
    return findings;
}

// Every file of that directory is one of the kustomization's resources, called `prefix` and its
// name there.
std::vector<Finding> unnamed_files(
    const std::vector<Source>& sources,
    std::string_view below,
    std::string_view kustomization,
    std::string_view prefix
) {
    std::vector<Finding> findings;
    const auto resources = text_of(sources, kustomization);
    for (const auto& source : sources) {
        if (!source.path.starts_with(below) || source.path == kustomization) {
            continue;
        }
        const auto name = std::string(prefix) + source.path.substr(below.size());
        if (!resources.contains("\n  - " + name + "\n")) {
            findings.push_back({source.path, 1, "kustomization.yaml does not name it"});
        }
    }
    return findings;
}

std::vector<Finding> deployment_findings(const std::vector<Source>& sources) {
    auto findings = place_findings(sources, agreed_places(sources));
    std::ranges::copy(grace_findings(sources), std::back_inserter(findings));
    const auto unnamed =
        unnamed_files(sources, "deploy/kubernetes/", "deploy/kubernetes/kustomization.yaml", "");
    std::ranges::copy(unnamed, std::back_inserter(findings));
    const auto unnamed_of_split = unnamed_files(
        sources, "deploy/split/kubernetes/", "deploy/split/kustomization.yaml", "kubernetes/"
    );
    std::ranges::copy(unnamed_of_split, std::back_inserter(findings));
    return findings;
}

TEST_CASE("the Dockerfile, compose.yaml and the manifests agree") {
    CHECK_EQ(report(deployment_findings(project())), "");
}

TEST_CASE("what the container's files disagree on is found") {
    const auto said_after = [](std::string_view path, std::string_view from, std::string_view to) {
        auto sources = project();
        const auto source = std::ranges::find(sources, path, &Source::path);
        REQUIRE(source != sources.end());
        const auto at = source->text.find(from);
        REQUIRE(at != std::string::npos);
        source->text.replace(at, from.size(), to);
        return report(deployment_findings(sources));
    };
    const std::string van = "deploy/kubernetes/van.yaml";
    CHECK_NE(said_after("Dockerfile", "EXPOSE 8080", "EXPOSE 8081"), "");
    CHECK_NE(said_after("Dockerfile", "[::]:8080", "127.0.0.1:8080"), "");
    CHECK_NE(said_after("Dockerfile", "VOLUME /data", "VOLUME /var/data"), "");
    CHECK_NE(said_after("Dockerfile", "USER 10001", "USER 10002"), "");
    CHECK_NE(said_after("Dockerfile", "USER 10001:10001", "USER 10001:10002"), "");
    CHECK_NE(said_after("Dockerfile", "USER 10001:10001", "USER bookstore"), "");
    CHECK_NE(said_after("CMakeLists.txt", "VERSION 0.", "VERSION 9."), "");
    CHECK_NE(said_after("Dockerfile", "LISTEN=127.0.0.1:8081", "LISTEN=[::]:8081"), "");
    CHECK_NE(said_after("Dockerfile", "http://127.0.0.1:8080", "http://127.0.0.1:8081"), "");
    CHECK_NE(said_after("compose.yaml", "127.0.0.1:8081:8081", "8081:8081"), "");
    CHECK_NE(said_after("deploy/kubernetes/ingress.yaml", "name: http}", "name: operators}"), "");
    CHECK_NE(said_after("deploy/split/compose.yaml", "[::]:8081", "127.0.0.1:8081"), "");
    CHECK_NE(said_after("compose.yaml", "8080:8080", "8080:8081"), "");
    CHECK_NE(said_after("compose.yaml", "data:/data", "data:/var/data"), "");
    CHECK_NE(said_after("compose.yaml", "period: 20s", "period: 10s"), "");
    CHECK_NE(said_after(van, "containerPort: 8080", "containerPort: 80"), "");
    CHECK_NE(said_after(van, " port: 8080", " port: 8081"), "");
    CHECK_NE(said_after(van, "fsGroup: 10001", "fsGroup: 0"), "");
    CHECK_NE(said_after(van, "/isReady, port: http", "/isReady, port: htpp"), "");
    CHECK_NE(said_after(van, "Seconds: 30", "Seconds: 15"), "");
    CHECK_NE(said_after(van, "value: \"5000\"", "value: \"0\""), "");
    CHECK_NE(said_after("deploy/kubernetes/kustomization.yaml", "  - van.yaml\n", ""), "");
    const std::string split = "deploy/split/";
    CHECK_NE(said_after(split + "nginx.conf", "listen 8080", "listen 80"), "");
    CHECK_NE(said_after(split + "common.yaml", "fsGroup: 10001", "fsGroup: 0"), "");
    CHECK_NE(said_after(split + "common.yaml", "Seconds: 30", "Seconds: 15"), "");
    CHECK_NE(said_after(split + "compose.yaml", "period: 20s", "period: 10s"), "");
    CHECK_NE(said_after(split + "kubernetes/van.yaml", "Seconds: 30", "Seconds: 15"), "");
    CHECK_NE(said_after(split + "kustomization.yaml", "  - kubernetes/van.yaml\n", ""), "");
}

}  // namespace
}  // namespace lint
