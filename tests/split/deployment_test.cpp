#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "processes.hpp"
#include "support/context_names.hpp"
#include "support/free_ports.hpp"
#include "support/gateway.hpp"
#include "support/text_file.hpp"

// What the files of deploy/split ask of the binary, asked of it: as processes of this machine,
// which have ports where the files have names.

using namespace bookstore::test;

namespace {

std::string file(const std::string& name) {
    const std::string text = text_of_file(PROJECT_ROOT "/deploy/split/" + name);
    REQUIRE_MESSAGE(!text.empty(), name);
    return text;
}

/// The modules of each service of compose.yaml that is a bookstore, and its URLs of others.
struct Service {
    std::string modules;
    std::map<std::string, std::string> urls;  ///< BOOKSTORE_VAN_URL -> "van"
};

std::string between(const std::string& line, const std::string& from, const std::string& to) {
    const auto begin = line.find(from);
    return begin == line.npos
               ? ""
               : line.substr(
                     begin + from.size(), line.find(to, begin + from.size()) - begin - from.size()
                 );
}

std::map<std::string, Service> services_of(const std::string& compose) {
    std::map<std::string, Service> services;
    std::string name;
    std::istringstream lines(compose);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("  ") && line.size() > 3 && line[2] != ' ' && line.back() == ':') {
            name = line.substr(2, line.size() - 3);
        }
        if (const auto modules = between(line, "command: [serve, --modules, ", "]");
            !modules.empty()) {
            services[name].modules = modules;
        }
        if (const auto variable = between(line, "      BOOKSTORE_", ": \"http://");
            !variable.empty() && variable.ends_with("_URL")) {
            services[name].urls["BOOKSTORE_" + variable] = between(line, "http://", ":8080");
        }
    }
    return services;
}

/// The variables that a text sets: "BOOKSTORE_PEERS".
std::set<std::string> variables_of(const std::string& text) {
    std::set<std::string> names;
    for (auto at = text.find("BOOKSTORE_"); at != text.npos; at = text.find("BOOKSTORE_", at + 1)) {
        auto end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", at);
        if (text[end] == ':' || text[end] == '=' || text[end] == ',') {
            names.insert(text.substr(at, end - at));
        }
    }
    return names;
}

std::vector<std::string> lines_with(const std::string& text, const std::string& what) {
    std::vector<std::string> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.find(what) != line.npos) {
            found.push_back(line);
        }
    }
    return found;
}

std::vector<std::string> all_files() {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(PROJECT_ROOT "/deploy/split")) {
        if (entry.path().extension() == ".yaml") {
            names.push_back(
                std::filesystem::relative(entry.path(), PROJECT_ROOT "/deploy/split").string()
            );
        }
    }
    return names;
}

}  // namespace

TEST_CASE("deploy/split: every variable that is set is a flag of serve") {
    const std::string help = run_bookstore({"serve", "--help"}).out;
    std::set<std::string> all;
    for (const std::string& name : all_files()) {
        for (const std::string& variable : variables_of(file(name))) {
            CAPTURE(name);
            all.insert(variable);
            // A binary that was built without Kafka has no flags of it.
            const bool of_kafka = variable.starts_with("BOOKSTORE_KAFKA");
            if (!of_kafka || help.find("--kafka") != help.npos) {
                CHECK_MESSAGE(help.find("(Env:" + variable + ")") != help.npos, variable);
            }
        }
    }
    CHECK(all.contains("BOOKSTORE_PEERS"));
    CHECK(all.contains("BOOKSTORE_TRUSTED_PROXY"));
    CHECK(all.contains("BOOKSTORE_KAFKA"));
    CHECK(all.contains("BOOKSTORE_VAN_URL"));
}

TEST_CASE("deploy/split: Compose and Kubernetes host every context once, by the gateway's names") {
    const auto services = services_of(file("compose.yaml"));
    std::multiset<std::string> hosted;
    std::string names;
    for (const auto& [name, service] : services) {
        hosted.insert(service.modules);
        names += name + " ";
        CAPTURE(name);
        CHECK(file("upstreams.conf").find("server " + name + ":8080") != std::string::npos);
        for (const std::string file_name : {"compose.yaml", "kustomization.yaml"}) {
            const std::string text = file(file_name);
            const auto peers = lines_with(text, "BOOKSTORE_PEERS");
            REQUIRE(peers.size() == 1);
            const std::string peer =
                name == "van" && peers[0].find("vanledger") != std::string::npos ? "vanledger"
                                                                                 : name;
            CHECK(peers[0].find("http://" + peer + ":8081") != std::string::npos);
            CHECK(text.find("BOOKSTORE_OPERATOR_LISTEN") != std::string::npos);
        }
    }
    CHECK(hosted == std::multiset<std::string>(context_names.begin(), context_names.end()));
    CHECK(names == "book customer delivery order payment paymenthistory van ");
    std::multiset<std::string> in_cluster;
    const std::string contexts = file("kubernetes/contexts.yaml");
    for (const std::string& line : lines_with(contexts, "args: [serve, --modules, ")) {
        in_cluster.insert(between(line, "--modules, ", "]"));
    }
    CHECK(in_cluster == hosted);
    for (const auto& [name, service] : services) {
        for (const auto& [variable, host] : service.urls) {
            const std::string there = host == "van" ? "vanledger" : host;
            const auto line =
                fmt::format("{{name: {}, value: \"http://{}:8080\"}}", variable, there);
            CHECK_MESSAGE(contexts.find(line) != std::string::npos, line);
        }
    }
    // The drill's commands name these.
    CHECK(
        file("kubernetes/van.yaml").find("kind: Deployment\nmetadata:\n  name: van\n") !=
        std::string::npos
    );
    CHECK(
        file("kubernetes/gateway.yaml").find("kind: Service\nmetadata:\n  name: gateway\n") !=
        std::string::npos
    );
}

TEST_CASE("deploy/split: the processes of compose.yaml behind the gateway are one bookstore") {
    const auto services = services_of(file("compose.yaml"));
    REQUIRE(services.size() == context_names.size());
    const auto ports = free_ports(2 * services.size());
    GatewayPorts port_of;
    GatewayPorts operators_port_of;
    std::vector<std::string> peers;
    for (const auto& [name, service] : services) {
        port_of[name] = ports[port_of.size()];
        operators_port_of[name] = ports[services.size() + operators_port_of.size()];
        peers.push_back(fmt::format("http://127.0.0.1:{}", operators_port_of[name]));
    }
    const std::map<std::string, std::string> flag_of{
        {"BOOKSTORE_CUSTOMER_URL", "--customer-url"},
        {"BOOKSTORE_INVENTORY_URL", "--inventory-url"},
        {"BOOKSTORE_VAN_URL", "--van-url"}
    };
    std::vector<std::unique_ptr<TemporaryDirectory>> directories;
    std::map<std::string, std::unique_ptr<BookstoreProcess>> running;
    for (const auto& [name, service] : services) {
        std::vector<std::string> flags{
            "--listen",
            fmt::format("127.0.0.1:{}", port_of[name]),
            "--operator-listen",
            fmt::format("127.0.0.1:{}", operators_port_of[name]),
            "--modules",
            service.modules,
            "--kafka",
            "none",
            "--peers",
            fmt::format("{}", fmt::join(peers, ",")),
            "--trusted-proxy",
            "127.0.0.1",
            "--threads",
            "1"
        };
        for (const auto& [variable, host] : service.urls) {
            flags.insert(
                flags.end(),
                {flag_of.at(variable), fmt::format("http://127.0.0.1:{}", port_of.at(host))}
            );
        }
        directories.push_back(std::make_unique<TemporaryDirectory>());
        running[name] = std::make_unique<BookstoreProcess>(directories.back()->path(), flags);
    }
    for (const auto& [name, process] : running) {
        process->wait_until_ready();
    }
    Gateway gateway(port_of);
    const auto get = [&](const std::string& target) {
        return ask(Method::get, gateway.url() + target);
    };
    const auto post = [&](const std::string& target, const std::string& json) {
        return ask(Method::post, gateway.url() + target, json);
    };
    REQUIRE(post("/customers", R"({"customerName":"kim"})").status == 201);
    REQUIRE(post("/books", R"({"bookName":"DDD","stock":10})").status == 201);
    const auto order =
        post("/orders", R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan si"})");
    CHECK(order.status == 201);
    // Customer and inventory were asked, in their processes.
    CHECK(order.field("orderStatus") == "ORDERED");
    CHECK(
        post("/orders", R"({"bookId":1,"customerId":9,"quantity":1,"deliveryAddress":"x"})")
            .status == 400
    );
    CHECK(order.header("Location") == gateway.url() + "/orders/1");
    const auto index = get("/").json();
    for (const auto& link : index.at("_links").as_object()) {
        CHECK(get("/" + std::string(link.key())).status == 200);
    }
    CHECK(get("/requestPayment?payment=1000").body == "PAYMENT_COMPLETED");
    const auto as_operator = [&](const std::string& name, const std::string& target) {
        return ask(Method::get, running[name]->operators_url() + target);
    };
    for (const auto& [name, process] : running) {
        CAPTURE(name);
        const auto modules = as_operator(name, "/modules");
        CHECK(modules.items("modules").size() == services.size());
        CHECK(modules.body.find("UNREACHABLE") == std::string::npos);
        CHECK(process->get("/isHealthy").status == 200);
        // A probe tells of the process that it asks, and no more.
        CHECK(process->get("/actuator/health").body == R"({"status":"UP"})");
        CHECK(as_operator(name, "/actuator/health").field("components.van.status") == "UP");
        CHECK(process->get("/modules").status == 404);
        CHECK(process->get("/makeZombie").status == 404);
    }
    Gateway of_operators(port_of, {.operators = true, .operators_ports = operators_port_of});
    CHECK(ask(Method::get, of_operators.url() + "/modules").status == 200);
    CHECK(ask(Method::get, of_operators.url() + "/console").status == 200);
    CHECK(get("/modules").status == 404);
    // The drill is one process' own.
    REQUIRE(as_operator("van", "/makeZombie").status == 200);
    CHECK(running["van"]->get("/isHealthy").status == 500);
    CHECK(running["order"]->get("/isHealthy").status == 200);
    running["van"]->kill();
    CHECK(get("/requestPayment?payment=1000").status == 502);
    CHECK(get("/orders/1").field("orderStatus") == "ORDERED");
    CHECK(as_operator("order", "/modules/van").body.find("UNREACHABLE") != std::string::npos);
}
