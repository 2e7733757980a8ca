#include "story.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <regex>

#include "support/invariants.hpp"

namespace bookstore::test {
namespace {

/// JSON texts that are shown in a URL's query need no more than this.
std::string quoted(const std::string& text) {
    return boost::json::serialize(boost::json::value(text));
}

const boost::json::value* below(const boost::json::value& value, std::string_view path) {
    const auto dot = path.find('.');
    const auto* object = value.if_object();
    const auto* found = object == nullptr ? nullptr : object->if_contains(path.substr(0, dot));
    return found == nullptr || dot == path.npos ? found : below(*found, path.substr(dot + 1));
}

}  // namespace

std::string text_of(const boost::json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
}

boost::json::value Answer::json() const {
    boost::json::error_code error;
    auto value = boost::json::parse(body, error);
    REQUIRE_MESSAGE(!error, "not JSON: " << body);
    return value;
}

std::string Answer::field(std::string_view path) const {
    const auto value = json();
    const auto* found = below(value, path);
    return found == nullptr ? "missing" : text_of(*found);
}

std::vector<boost::json::object> Answer::items(std::string_view collection) const {
    REQUIRE_MESSAGE(status == 200, body);
    std::vector<boost::json::object> result;
    const auto value = json();
    for (const auto& item : value.at("_embedded").at(collection).as_array()) {
        result.push_back(item.as_object());
    }
    return result;
}

std::string Answer::header(std::string_view name) const {
    for (const http::Header& header : headers) {
        if (header.name == name) {
            return header.value;
        }
    }
    return {};
}

std::int64_t Answer::id() const {
    const std::string location = header("Location");
    REQUIRE_MESSAGE(!location.empty(), body);
    return std::stoll(location.substr(location.rfind('/') + 1));
}

namespace {

/// The errors of an error body: each names a field, says what is wrong, and shows a text or null.
std::string errors_fault(const boost::json::object& body) {
    const auto* errors = body.if_contains("errors");
    if (errors == nullptr) {
        return {};
    }
    if (!errors->is_array() || errors->get_array().empty()) {
        return "errors is no list, or an empty one";
    }
    for (const auto& error : errors->get_array()) {
        const auto& one = error.as_object();
        const bool well_formed =
            one.size() == 3 && one.at("field").is_string() &&
            !one.at("message").as_string().empty() &&
            (one.at("rejectedValue").is_null() || one.at("rejectedValue").is_string());
        if (!well_formed) {
            return "an error is not {field, message, rejectedValue}";
        }
    }
    return {};
}

}  // namespace

std::string error_fault(const Answer& answer, int status, const std::string& path) {
    if (answer.status != status) {
        return fmt::format("it is {}, not {}: {}", answer.status, status, answer.body);
    }
    if (answer.header("Content-Type") != "application/json;charset=UTF-8") {
        return "its type is " + answer.header("Content-Type");
    }
    const auto body = answer.json().as_object();
    std::string names;
    for (const auto& member : body) {
        names += std::string(member.key()) + " ";
    }
    if (names != "timestamp status error message path " &&
        names != "timestamp status error message path errors ") {
        return "its fields are " + names;
    }
    static const std::regex timestamp(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000)");
    if (!std::regex_match(std::string(body.at("timestamp").as_string()), timestamp)) {
        return "its timestamp is " + text_of(body.at("timestamp"));
    }
    if (body.at("status") != status || body.at("message").as_string().empty()) {
        return "its status is another one, or it has no message";
    }
    if (body.at("error").as_string() != http::reason_phrase(status)) {
        return "its error is " + text_of(body.at("error"));
    }
    if (body.at("path").as_string() != path) {
        return "its path is " + text_of(body.at("path"));
    }
    return errors_fault(body);
}

std::vector<std::string> quick_van() {
    return {"--breaker-timeout", "300", "--van-hang", "600"};
}

namespace {

const std::string& form_name() {
    static const std::string name = [] {
        const char* form = std::getenv("BOOKSTORE_FORM");
        return std::string(form == nullptr ? "" : form);
    }();
    return name;
}

}  // namespace

bool in_a_split() {
    return !form_name().empty();
}

Story::Story(std::unique_ptr<KafkaShop> shop) : shop_(std::move(shop)) {}

Story::Story(std::vector<std::string> flags) {
    if (in_a_split()) {
        shop_ = std::make_unique<KafkaShop>(
            form_of(form_name()),
            KafkaShopOptions{
                .gateway = {.operators = true},
                .broker = &shared_broker(),
                .starts = false,
                .peer_ms = "30000"  // longer than any noise of the machine
            }
        );
    }
    start(std::move(flags));
}

std::string Story::url() const {
    return shop_ ? shop_->url() : process_->url();
}

std::uint16_t Story::port() const {
    return static_cast<std::uint16_t>(std::stoi(url().substr(url().rfind(':') + 1)));
}

std::vector<std::string> Story::data_dirs() const {
    return shop_ ? shop_->data_dirs() : std::vector{directory_.path()};
}

void Story::start(std::vector<std::string> flags) {
    if (shop_) {
        shop_->set_flags(std::move(flags));
        shop_->start_all();
        return;
    }
    process_ = std::make_unique<BookstoreProcess>(directory_.path(), std::move(flags));
    process_->wait_until_ready();
}

void Story::stop() {
    if (shop_) {
        shop_->stop_all();
        return;
    }
    process_->signal(SIGTERM);
    const int status = process_->wait();
    REQUIRE_MESSAGE(status == 0, process_->log());
}

void Story::kill() {
    if (shop_) {
        shop_->kill_all();
        return;
    }
    process_->kill();
}

std::string Story::log() const {
    if (!shop_) {
        return process_->log();
    }
    std::string all;
    for (std::size_t place = 0; place < shop_->size(); ++place) {
        all += shop_->log_of(place);
    }
    return all;
}

void Story::restart(std::vector<std::string> flags) {
    stop();
    start(std::move(flags));
}

Answer Story::send(
    Method method,
    const std::string& target,
    const std::string& body,
    std::vector<http::Header> headers
) {
    auto got = http::fetch(method, http::parse_url(url() + target), body, std::move(headers));
    return {got.status, std::move(got.headers), std::move(got.body)};
}

Answer Story::get(const std::string& target, std::vector<http::Header> headers) {
    return send(Method::get, target, {}, std::move(headers));
}

namespace {
const std::vector<http::Header> json_type{{"Content-Type", "application/json"}};
}

Answer Story::post(const std::string& target, const std::string& json) {
    return send(Method::post, target, json, json.empty() ? std::vector<http::Header>() : json_type);
}
Answer Story::put(const std::string& target, const std::string& json) {
    return send(Method::put, target, json, json_type);
}
Answer Story::patch(const std::string& target, const std::string& json) {
    return send(Method::patch, target, json, json_type);
}
Answer Story::del(const std::string& target) {
    return send(Method::del, target);
}

std::int64_t Story::given_customer(const std::string& name) {
    const auto answer = post("/customers", fmt::format(R"({{"customerName":{}}})", quoted(name)));
    REQUIRE_MESSAGE(answer.status == 201, answer.body);
    return answer.id();
}

std::int64_t Story::given_book(std::int64_t stock, const std::string& name) {
    const auto answer =
        post("/books", fmt::format(R"({{"bookName":{},"stock":{}}})", quoted(name), stock));
    REQUIRE_MESSAGE(answer.status == 201, answer.body);
    return answer.id();
}

std::int64_t Story::place_order(
    std::int64_t book, std::int64_t customer, std::int64_t quantity, const std::string& pay_amount
) {
    std::string body = fmt::format(
        R"({{"bookId":"{}","customerId":"{}","quantity":"{}","deliveryAddress":"busan si")",
        book,
        customer,
        quantity
    );
    if (!pay_amount.empty()) {
        body += fmt::format(R"(,"payAmount":"{}","payType":"ONCE")", pay_amount);
    }
    const auto answer = post("/orders", body + "}");
    REQUIRE_MESSAGE(answer.status == 201, answer.body);
    return answer.id();
}

std::int64_t Story::put_in_stock(std::int64_t book, std::int64_t quantity) {
    const auto answer =
        post("/stockInputs", fmt::format(R"({{"bookId":{},"quantity":{}}})", book, quantity));
    REQUIRE_MESSAGE(answer.status == 201, answer.body);
    return answer.id();
}

void Story::cancel(std::int64_t order) {
    const auto answer = del(fmt::format("/orders/{}", order));
    REQUIRE_MESSAGE(answer.status == 204, answer.body);
}

std::string Story::of(const std::string& target, std::string_view field) {
    return get(target).field(field);
}

bool Story::becomes(const std::string& target, std::string_view field, const std::string& value) {
    return eventually([&] { return of(target, field) == value; });
}

bool Story::order_becomes(std::int64_t order, const std::string& status) {
    return becomes(fmt::format("/orders/{}", order), "orderStatus", status);
}

bool Story::payment_becomes(std::int64_t order, const std::string& status) {
    return becomes(
        fmt::format("/payments/search/findByOrderId?orderId={}", order), "status", status
    );
}

std::vector<std::string> Story::events(const std::string& type, const std::string& key) {
    std::string target = "/events?from=beginning&follow=false";
    target += type.empty() ? "" : "&type=" + type;
    target += key.empty() ? "" : "&key=" + key;
    const auto answer = get(target);
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < answer.body.size();) {
        const auto end = answer.body.find('\n', begin);
        const auto line = answer.body.substr(begin, end - begin);
        if (line.starts_with("data: ")) {
            lines.push_back(line.substr(6));
        }
        begin = end + 1;
    }
    return lines;
}

std::string Story::event(const std::string& type) {
    std::vector<std::string> lines;
    REQUIRE_MESSAGE(eventually([&] { return !(lines = events(type)).empty(); }), type);
    return lines.front();
}

std::size_t Story::count(const std::string& type, const std::string& key) {
    return events(type, key).size();
}

bool Story::published(const std::string& type, std::size_t times, const std::string& key) {
    return eventually([&] { return count(type, key) == times; });
}

std::string Story::deliveries_of(std::int64_t order) {
    std::vector<std::string> statuses;
    for (const auto& line : events("DeliveryStatusChanged", fmt::format("order-{}", order))) {
        const auto event = boost::json::parse(line).as_object();
        statuses.emplace_back(event.at("deliveryStatus").as_string());
    }
    return fmt::format("{}", fmt::join(statuses, " "));
}

std::string Story::ends_with() {
    const std::vector<std::string> directories = data_dirs();
    // A payment that VAN did not answer asks again after 30 s at most, and may have to once more.
    eventually([&] { return all_hold(directories); }, std::chrono::seconds(90));
    stop();
    return fmt::format("{}", fmt::join(violated_invariants(directories), "\n"));
}

}  // namespace bookstore::test
