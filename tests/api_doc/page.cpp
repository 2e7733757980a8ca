#include "page.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "json_text.hpp"
#include "support/broken_log.hpp"

namespace bookstore::test {
namespace {

namespace json = boost::json;

constexpr std::string_view address = "localhost:8080";
constexpr std::size_t most_columns = 100;

/// The headers that say something; Date, X-Request-Id and the like differ from run to run.
constexpr std::array telling{
    "Content-Type",
    "Location",
    "ETag",
    "Allow",
    "Accept",
    "Accept-Patch",
    "Retry-After",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Max-Age"
};

/// In quotes where a shell would read something else.
std::string word(const std::string& text) {
    const bool plain = text.find_first_of(" ?&*{}()<>|;$\"'`\\#~") == text.npos;
    return plain ? text : "'" + text + "'";
}

/// The command in one line, or with a part a line.
std::string command_of(const std::vector<std::string>& parts) {
    const std::string line = fmt::format("{}", fmt::join(parts, " "));
    return line.size() <= most_columns ? line : fmt::format("{}", fmt::join(parts, " \\\n    "));
}

std::string curl_command(const Curl& request) {
    std::string first = "curl -i ";
    const bool posts = request.method == http::Method::post && !request.body.empty();
    if (request.method == http::Method::head) {
        first = "curl -I ";
    } else if (request.method != http::Method::get && !posts) {
        first += fmt::format("-X {} ", http::name_of(request.method));
    }
    std::vector<std::string> parts{first + word(std::string(address) + request.target)};
    for (const http::Header& header : request.headers) {
        parts.push_back(fmt::format("-H '{}: {}'", header.name, header.value));
    }
    if (!request.body.empty()) {
        parts.push_back(fmt::format("-d '{}'", request.body));
    }
    return command_of(parts);
}

bool has_header(const std::vector<http::Header>& headers, std::string_view name) {
    return std::ranges::find(headers, name, &http::Header::name) != headers.end();
}

/// What curl adds by itself.
std::vector<http::Header> curl_headers(const Curl& request) {
    auto headers = request.headers;
    if (!has_header(headers, "Accept")) {
        headers.push_back({"Accept", "*/*"});
    }
    if (!request.body.empty() && !has_header(headers, "Content-Type")) {
        headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    }
    return headers;
}

/// The first lines of a text, and dots for the rest.
std::string cut(const std::string& text, std::size_t most_lines) {
    std::size_t end = 0;
    for (std::size_t line = 0; line < most_lines; ++line) {
        end = text.find('\n', end);
        if (end == text.npos) {
            return text;
        }
        ++end;
    }
    return text.substr(0, end) + "...";
}

std::string anchor_of(std::string title) {
    std::string anchor;
    for (const char c : title) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (c == ' ' || c == '-') {
            anchor += '-';
        }
    }
    return anchor;
}

std::string field_of(const std::string& body, std::string_view path) {
    json::error_code error;
    const json::value whole = json::parse(body, error);
    const json::value* value = error ? nullptr : &whole;
    while (value != nullptr && !path.empty()) {
        const auto dot = std::min(path.find('.'), path.size());
        const auto* object = value->if_object();
        value = object == nullptr ? nullptr : object->if_contains(path.substr(0, dot));
        path.remove_prefix(std::min(dot + 1, path.size()));
    }
    if (value == nullptr) {
        return {};
    }
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

}  // namespace

// ---- shop

Shop::Shop(const std::vector<std::string>& flags) {
    start(flags);
}

void Shop::start(const std::vector<std::string>& flags) {
    process_ = std::make_unique<BookstoreProcess>(directory_.path(), flags);
    process_->wait_until_ready();
}

void Shop::restart(const std::vector<std::string>& flags) {
    process_->signal(SIGTERM);
    process_->wait();
    start(flags);
}

void Shop::break_log() {
    process_->signal(SIGTERM);
    process_->wait();
    test::break_log(directory_.path());
    start({"--retry-attempts", "1"});
}

void Shop::wait(const std::string& target, std::string_view field, std::string_view value) {
    std::string last;
    const bool came = eventually([&] {
        last = process_->get(target).body;
        return field_of(last, field) == value;
    });
    if (!came) {
        throw std::runtime_error(
            fmt::format("{} of {} does not become {}: {}", field, target, value, last)
        );
    }
}

void Shop::wait_for_events(std::size_t count) {
    std::string events;
    const bool came = eventually([&] {
        events = process_->get("/events?from=beginning&follow=false").body;
        std::size_t seen = 0;
        for (auto at = events.find("id: "); at != events.npos; at = events.find("\nid: ", at + 1)) {
            ++seen;
        }
        return seen == count;
    });
    if (!came) {
        throw std::runtime_error(fmt::format("there are not {} events: {}", count, events));
    }
}

// ---- page

void Page::chapter(const std::string& title) {
    chapters_.push_back(title);
    text_ += fmt::format("## {}\n\n", title);
}

void Page::say(const std::string& text) {
    std::istringstream words(text);
    std::string line;
    for (std::string next; words >> next;) {
        if (line.size() + 1 + next.size() > most_columns) {
            text_ += std::exchange(line, {}) + "\n";
        }
        line += (line.empty() ? "" : " ") + next;
    }
    text_ += line + "\n\n";
}

http::ClientResponse Page::curl(const Curl& request) {
    return send(request, normal(curl_command(request)), curl_headers(request));
}

http::ClientResponse Page::httpie(const std::string& target) {
    Curl request{.target = target};
    return send(request, "http " + word(":8080" + target), {{"Accept", "*/*"}});
}

http::ClientResponse Page::httpie_post(
    const std::string& target, const std::vector<std::pair<std::string, std::string>>& fields
) {
    std::string command = "http POST :8080" + target;
    Curl request{.method = http::Method::post, .target = target};
    for (const auto& [name, value] : fields) {
        const bool plain = value.find_first_not_of(
                               "0123456789.abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           ) == value.npos;
        command +=
            plain ? fmt::format(" {}={}", name, value) : fmt::format(" {}=\"{}\"", name, value);
        request.body += fmt::format(
            R"({}"{}":{})",
            request.body.empty() ? "{" : ",",
            name,
            json::serialize(json::value(value))
        );
    }
    request.body += "}";
    return send(
        request,
        command,
        {{"Accept", "application/json, */*;q=0.5"}, {"Content-Type", "application/json"}}
    );
}

http::ClientResponse Page::send(
    const Curl& request, std::string_view command, std::vector<http::Header> headers
) {
    const auto url = http::parse_url(shop_->process().url() + request.target);
    auto response = http::fetch(request.method, url, request.body, std::move(headers));
    sent_.push_back(
        {.method = request.method,
         .path = request.target.substr(0, request.target.find('?')),
         .status = response.status}
    );
    text_ += fmt::format(
        "```sh\n{}\n```\n\n```http\n{}\n```\n\n", command, shown(response, request.most_lines)
    );
    return response;
}

std::string Page::shown(const http::ClientResponse& response, std::size_t most_lines) const {
    std::string text =
        fmt::format("HTTP/1.1 {} {}", response.status, http::reason_phrase(response.status));
    std::string type;
    for (const http::Header& header : response.headers) {
        if (std::ranges::find(telling, header.name) != telling.end()) {
            text += fmt::format("\n{}: {}", header.name, header.value);
        }
        type = header.name == "Content-Type" ? header.value : type;
    }
    if (!response.body.empty()) {
        const bool json = type.find("json") != type.npos;
        std::string body = json ? indented(response.body) : response.body;
        while (body.ends_with('\n')) {
            body.pop_back();
        }
        text += "\n\n" + (most_lines == 0 ? body : cut(body, most_lines));
    }
    return normal(std::move(text));
}

/// What differs from run to run becomes one and the same of its shape.
std::string Page::normal(std::string text) const {
    const std::string there = shop_->process().url().substr(std::string_view("http://").size());
    for (auto at = text.find(there); at != text.npos; at = text.find(there, at)) {
        text.replace(at, there.size(), address);
    }
    static const std::array<std::pair<std::regex, const char*>, 11> changing{
        std::pair{
            std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000)"),
            "2020-09-10T05:07:44.652+0000"
        },
        std::pair{
            std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"), "2020-09-10T04:50:35.652Z"
        },
        std::pair{std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"), "2020-09-10T04:50:35Z"},
        std::pair{std::regex(R"("timestamp":"\d{14}")"), R"("timestamp":"20200910045035")"},
        // Of a backup.
        std::pair{std::regex(R"(/[^" ]*/bookstore-\w+/backup)"), "/var/backups/bookstore/1"},
        std::pair{std::regex(R"("bytes": \d+)"), R"("bytes": 53248)"},
        std::pair{std::regex(R"("writersStoodMs": [0-9.]+)"), R"("writersStoodMs": 1.204)"},
        std::pair{std::regex(R"("tookMs": \d+)"), R"("tookMs": 31)"},
        std::pair{std::regex(R"("(start|at)_ms": ?\d+)"), R"("$1_ms": 1599713435652)"},
        std::pair{std::regex(R"("(lasted|took|since_start|gap)_ms": ?\d+)"), R"("$1_ms": 7)"},
        std::pair{
            std::regex(R"("trace_id": ?"[0-9a-f]+")"),
            R"("trace_id": "000000000000000000fd8c1d6b2e4a07")"
        }
    };
    for (const auto& [shape, instead] : changing) {
        text = std::regex_replace(text, shape, instead);
    }
    if (text.find("\"orderedAt\"") != text.npos) {  // the tag is of the time too
        static const std::regex tag(R"(ETag: "[0-9a-f]{16}")");
        text = std::regex_replace(text, tag, R"(ETag: "c0ffee5a1e0fb00c")");
    }
    return text;
}

void Page::go_back(const Mark& mark) {
    chapters_.resize(mark.chapters);
    text_.resize(mark.text);
    sent_.resize(mark.sent);
}

std::string Page::markdown(const std::string& head) const {
    std::string text = head + "\n\n";
    for (const std::string& title : chapters_) {
        text += fmt::format("- [{}](#{})\n", title, anchor_of(title));
    }
    text += "\n" + text_;
    text.pop_back();  // one line's end is enough
    return text;
}

std::string header_of(const http::ClientResponse& response, std::string_view name) {
    const auto found = std::ranges::find(response.headers, name, &http::Header::name);
    if (found == response.headers.end()) {
        throw std::runtime_error(fmt::format("there is no {} in {}", name, response.body));
    }
    return found->value;
}

}  // namespace bookstore::test
