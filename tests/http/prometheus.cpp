#include "prometheus.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "support/program.hpp"
#include "support/text_file.hpp"

namespace bookstore::test {
namespace {

std::string percent_encoded(const std::string& text) {
    std::string encoded;
    for (const char c : text) {
        encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

}  // namespace

Prometheus::Prometheus(const std::string& address, const std::string& rules) {
    const std::string config = files_.path() + "/prometheus.yml";
    std::ofstream(config) << fmt::format(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n"
        "rule_files: ['{}']\n"
        "scrape_configs:\n"
        "  - job_name: bookstore\n"
        "    static_configs: [{{targets: ['{}']}}]\n",
        rules,
        address
    );
    const std::string log = files_.path() + "/log";
    pid_ = start_program(
        {"prometheus",
         "--config.file=" + config,
         "--storage.tsdb.path=" + files_.path() + "/data",
         "--web.listen-address=127.0.0.1:0"},
        {.out = log}
    );
    constexpr std::string_view told = "msg=\"Listening on\" address=";
    const bool listens = eventually([&] {
        const std::string text = text_of_file(log);
        const auto at = text.find(told);
        const auto end = text.find('\n', at);
        if (at == text.npos || end == text.npos) {
            return false;
        }
        url_ = "http://" + text.substr(at + told.size(), end - at - told.size());
        return true;
    });
    const bool ready =
        listens && eventually([&] {
            return http::fetch(http::Method::get, http::parse_url(url_ + "/-/ready")).status == 200;
        });
    if (!ready) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        throw std::runtime_error("Prometheus does not start: " + text_of_file(log));
    }
}

Prometheus::~Prometheus() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

boost::json::value Prometheus::api(const std::string& target) {
    const auto url = http::parse_url(url_ + "/api/v1/" + target);
    return boost::json::parse(http::fetch(http::Method::get, url).body);
}

boost::json::value Prometheus::query(const std::string& expression) {
    return api("query?query=" + percent_encoded(expression));
}

std::size_t Prometheus::results(const std::string& expression) {
    const auto answer = query(expression);
    if (answer.at("status") != "success") {
        return 0;
    }
    return answer.at("data").at("result").as_array().size();
}

}  // namespace bookstore::test
