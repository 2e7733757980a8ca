#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>

#include "api_description.hpp"

// What the schemas of /openapi.json allow is what the server takes: every field of every body, and
// every parameter, is fed with what stands just inside and just outside.

using namespace bookstore::test;

namespace {

namespace json = boost::json;

using Operation = DescribedOperation;

std::string quoted(const std::string& text) {
    return json::serialize(json::value(text));
}

std::string repeated(std::string_view character, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) {
        text += character;
    }
    return text;
}

/// JSON texts that every field is fed with, whatever it is.
std::vector<std::string> common_values() {
    std::vector<std::string> values{
        "null",
        "true",
        "false",
        "[]",
        "[1]",
        "{}",
        "1.5",
        "1.0",
        "1e2",
        "1e-1",
        "-0",
        "-1",
        "0.01",
        "0.001",
        "12.34",
        "12.345",
        "1e300",
        "-1e300",
        "99999999999999999999",
        R"("")",
        R"("   ")",
        R"("\u3000\u00a0\u200b")",
        R"("\u00a0x")",
        R"("a\nb")",
        R"("tab\t")",
        R"("\u0000")",
        R"("a\u0000b")",
        R"("\u007f")",
        R"("\u0085")",
        R"("abc")",
        R"(" abc ")",
        R"("홍길동")",
        R"("😀")",
        R"(" 1")",
        R"("1 ")",
        R"("+1")",
        R"("-1")",
        R"("-0")",
        R"("01")",
        R"("007")",
        R"("1.0")",
        R"("1.5")",
        R"("1e2")",
        R"("1.")",
        R"(".5")",
        R"("0x10")",
        R"("NaN")",
        R"("Infinity")",
        R"("１")",
        R"("12.3")",
        R"("12.34")",
        R"("12.340")",
        R"("12.345")",
        R"("1,5")",
        R"("true")",
        R"("null")",
        R"("999999999999999")",
        R"("99999999999999999999")"
    };
    for (const std::string_view character : {"a", "é", "😀"}) {
        values.push_back(quoted(repeated(character, 255)));
        values.push_back(quoted(repeated(character, 256)));
    }
    return values;
}

/// A limit, one below and one above it, as numbers and as texts.
void add_limit(const json::value& limit, std::vector<std::string>& values) {
    std::vector<std::string> numbers;
    if (limit.is_double()) {  // of money: cents
        const double number = limit.get_double();
        numbers = {
            fmt::format("{:.2f}", number),
            fmt::format("{:.2f}", number - 0.01),
            fmt::format("{:.2f}", number + 0.01)
        };
    } else {
        const auto number = limit.to_number<std::int64_t>();
        numbers = {std::to_string(number), std::to_string(number - 1), std::to_string(number + 1)};
    }
    for (const std::string& number : numbers) {
        values.push_back(number);
        values.push_back(quoted(number));
    }
}

/// JSON texts at the edges of what that schema says.
void add_edges(const json::value& schema, std::vector<std::string>& values) {
    const auto& object = schema.as_object();
    for (const auto* keyword : {"minimum", "maximum"}) {
        if (const auto* limit = object.if_contains(keyword)) {
            add_limit(*limit, values);
        }
    }
    if (const auto* words = object.if_contains("enum")) {
        for (const auto& word : words->as_array()) {
            const std::string text(word.as_string());
            values.push_back(quoted(text));
            values.push_back(quoted(text + "x"));
            values.push_back(quoted(" " + text));
        }
        values.insert(values.end(), {R"("shipped")", R"("SHIPPED")", R"("CreateDelivery")"});
    }
    if (const auto* branches = object.if_contains("anyOf")) {
        for (const auto& branch : branches->as_array()) {
            add_edges(branch, values);
        }
    }
}

std::vector<std::string> values_for(const json::value& schema) {
    auto values = common_values();
    add_edges(schema, values);
    std::ranges::sort(values);
    const auto [first, last] = std::ranges::unique(values);
    values.erase(first, last);
    return values;
}

/// The example's body with another value for that field, or without it.
std::string body_with(
    const json::object& example, std::string_view field, const std::optional<std::string>& value
) {
    std::string body;
    for (const auto& member : example) {
        if (member.key() != field) {
            body += fmt::format(
                "{}{}:{}",
                body.empty() ? "" : ",",
                quoted(std::string(member.key())),
                json::serialize(member.value())
            );
        }
    }
    if (value) {
        body += fmt::format("{}{}:{}", body.empty() ? "" : ",", quoted(std::string(field)), *value);
    }
    return "{" + body + "}";
}

/// What the server takes beyond what its schemas say.
///
/// A number may come as a string, written in any way that it may be written in JSON ("1.0" and
/// "1e2" for whole numbers, "12.340" for amounts) and, up to 15 digits, with zeros before it. The
/// schema says so in words alone: a type of two kinds would be a burden for generated clients. Of
/// "-0", which is a number in JSON too, this holds for whole numbers alone.
bool is_leniency(const ApiDescription& api, const json::value& schema, const std::string& value) {
    const auto parsed = json::parse(value);
    if (!parsed.is_string()) {
        return false;
    }
    std::string text = text_of(parsed);
    if (text.size() <= 15) {
        const auto zeros = text.find_first_not_of('0');
        const bool led =
            zeros != text.npos && zeros > 0 && text[zeros] >= '1' && text[zeros] <= '9';
        text.erase(0, led ? zeros : 0);
    }
    const bool spaced = text.find(' ') != text.npos;
    const bool whole = !api.schema_faults_of(schema, json::value(0.5)).empty();
    json::error_code error;
    const auto number = json::parse(text, error);
    return !error && number.is_number() && !spaced && (text != "-0" || whole) &&
           api.schema_faults_of(schema, number).empty();
}

/// Refusals that are about the state of the shop, not about the shape of a value: there is no such
/// customer or book, or the stock would be too large. No schema can say them.
bool is_about_state(std::string_view message) {
    return message.starts_with("there is no customer ") ||
           message.starts_with("there is no book ") || message.find("would exceed") != message.npos;
}

/// "taken" or "refused", or what was wrong with the refusal.
std::string verdict(const Answer& answer, std::string_view field) {
    if (answer.status != 400) {
        return answer.status < 500 ? "taken" : fmt::format("failed: {}", answer.status);
    }
    const auto body = answer.json();
    const auto* errors = body.as_object().if_contains("errors");
    if (errors == nullptr) {
        return "refused without errors: " + answer.body;
    }
    std::string result = "taken";
    for (const auto& error : errors->as_array()) {
        const std::string message(error.at("message").as_string());
        if (is_about_state(message)) {
            continue;
        }
        if (error.at("field").as_string() != field) {
            return "refused for another field: " + answer.body;
        }
        result = "refused";
    }
    return result;
}

/// Feeds the fields of an operation's body; what differs from its schema, a line each.
class Feeder {
  public:
    Feeder(Story& story, const ApiDescription& api) : story_(story), api_(api) {}

    void feed(const Operation& operation) {
        const auto& content = *operation.body();
        const auto& schema = api_.document()
                                 .at("components")
                                 .at("schemas")
                                 .at(name_of(content.at("schema")))
                                 .as_object();
        const auto& example = content.at("example").as_object();
        for (const auto& [field, of] : schema.at("properties").as_object()) {
            for (const std::string& value : values_for(of)) {
                const bool lenient = is_leniency(api_, of, value);
                expect(operation, schema, field, body_with(example, field, value), lenient);
            }
            expect(operation, schema, field, body_with(example, field, std::nullopt), false);
        }
        for (const std::string other : {R"("unknown":[{}])", R"("id":"x")", R"("_links":5)"}) {
            auto body = json::serialize(example);
            body.insert(body.size() - 1, "," + other);
            expect(operation, schema, "unknown", body, false);
        }
    }

    const std::vector<std::string>& differences() const { return differences_; }
    int taken() const { return taken_; }
    int refused() const { return refused_; }

  private:
    static std::string name_of(const json::value& reference) {
        const std::string path(reference.at("$ref").as_string());
        return path.substr(path.rfind('/') + 1);
    }

    void expect(
        const Operation& operation,
        const json::object& schema,
        std::string_view field,
        const std::string& body,
        bool lenient
    ) {
        const bool fits = api_.schema_faults_of(schema, json::parse(body)).empty();
        const auto answer = api_.example_of(operation).with_body(body).send(story_);
        const std::string expected = fits || lenient ? "taken" : "refused";
        const std::string seen = verdict(answer, field);
        ++(fits || lenient ? taken_ : refused_);
        if (seen != expected) {
            differences_.push_back(fmt::format(
                "{} of {}, with {}: it should be {}, it is {}",
                field,
                operation.id,
                body.substr(0, 200),
                expected,
                seen
            ));
        }
    }

    Story& story_;
    const ApiDescription& api_;
    std::vector<std::string> differences_;
    int taken_ = 0;
    int refused_ = 0;
};

/// Customer 1, book 1, and order 1 with its delivery, which is Shipped.
void given_shop(Story& story) {
    story.given_customer();
    story.given_book(150);
    story.place_order(1, 1);
    REQUIRE(story.becomes("/deliveries/1", "deliveryStatus", "Shipped"));
}

// ---- parameters

std::vector<std::string> texts_for(const DescribedParameter& parameter) {
    std::vector<std::string> texts;
    for (const std::string& value : values_for(parameter.schema)) {
        texts.push_back(text_of(json::parse(value)));
    }
    // Numbers as they are in JSON, and what only a URL can hold.
    for (const std::string text :
         {"1e2", "1.0", "2,5", "asc", ",", "1;2", "beginning", "end", "1&page=2", "false", "x"}) {
        texts.emplace_back(text);
    }
    if (const auto* words = parameter.schema.as_object().if_contains("enum")) {
        for (const auto& word : words->as_array()) {
            const std::string text(word.as_string());
            texts.insert(texts.end(), {text + ",asc", text + ",", "," + text, text + ",DESC"});
        }
    }
    std::ranges::sort(texts);
    const auto [first, last] = std::ranges::unique(texts);
    texts.erase(first, last);
    return texts;
}

/// What a text in a URL or header stands for. A number begins with a digit, zeros before it do not
/// matter, and a whole number is digits alone: 1.0 and 1e2 are how JSON may write one.
json::value value_of(const DescribedParameter& parameter, const std::string& text) {
    const auto& type = parameter.schema.at("type");
    if (type == "array") {
        return json::array{json::value(text)};
    }
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    const bool number =
        digits || (type == "number" && text.find_first_of(" -") != 0 && !text.ends_with(' '));
    if (type == "string" || !number) {
        return json::value(text);
    }
    const auto zeros = std::min(text.find_first_not_of('0'), text.size() - 1);
    json::error_code error;
    const auto value = json::parse(digits ? text.substr(zeros) : text, error);
    return !error && value.is_number() ? value : json::value(text);
}

/// What the server takes beyond what the schemas of its parameters say: an empty Last-Event-ID is
/// none, and a position may have 16 digits, up to 2^53-1, which a pattern cannot say.
bool is_leniency(const DescribedParameter& parameter, const std::string& text) {
    return (parameter.name == "Last-Event-ID" && text.empty()) ||
           ((parameter.name == "Last-Event-ID" || parameter.name == "from") &&
            text == "9007199254740991");
}

/// A NUL in a URL is refused wherever it stands, before any parameter is looked at.
bool sendable(const DescribedParameter& parameter, const std::string& text) {
    if (text.find('\0') != text.npos) {
        return false;
    }
    if (parameter.in == "path") {
        return !text.empty();  // it would be another path
    }
    const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    const bool spaced = text.starts_with(' ') || text.ends_with(' ');  // HTTP strips them
    return parameter.in == "query" || (std::ranges::none_of(text, control) && !spaced);
}

/// A stream that follows does not end: of that, the status alone.
Answer answer_to(Story& story, const Call& call) {
    const auto follow = call.query.find("follow");
    if (follow == call.query.end() || follow->second != "true") {
        return call.send(story);
    }
    const auto url = bookstore::http::parse_url(story.process().url() + call.target());
    Answer answer;
    answer.status =
        bookstore::http::fetch_stream(url, {}, {}, [](std::string_view) { return false; });
    answer.headers = {{"Content-Type", "text/event-stream"}, {"Log-Begin", "1"}, {"Log-End", "1"}};
    return answer;
}

/// A request that changes nothing, whatever its parameters are: its condition does not hold.
Call harmless(const ApiDescription& api, const Operation& operation) {
    Call call = api.example_of(operation);
    const bool conditional = operation.parameter("If-Match") != nullptr;
    return conditional ? call.header("If-Match", "\"0\"") : call;
}

/// What differs from that parameter's schema, a line each.
std::vector<std::string> differences_of(
    Story& story,
    const ApiDescription& api,
    const Operation& operation,
    const DescribedParameter& parameter
) {
    std::vector<std::string> differences;
    for (const std::string& text : texts_for(parameter)) {
        if (!sendable(parameter, text)) {
            continue;
        }
        const auto value = value_of(parameter, text);
        const bool good =
            is_leniency(parameter, text) || api.schema_faults_of(parameter.schema, value).empty();
        const auto answer = answer_to(story, harmless(api, operation).set(parameter, text));
        const auto faults = api.faults(operation, answer);
        if ((answer.status != 400) != good || !faults.empty()) {
            differences.push_back(fmt::format(
                "{} of {}: {} should be {}, it is {} {}",
                parameter.name,
                operation.id,
                quoted(text.substr(0, 60)),
                good ? "taken" : "refused",
                answer.status,
                fmt::join(faults, ", ")
            ));
        }
    }
    if (parameter.required && parameter.in != "path") {
        Call without = harmless(api, operation).without(parameter.name);
        if (without.send(story).status != 400) {
            differences.push_back(parameter.name + " may be missing in " + operation.id);
        }
    }
    return differences;
}

}  // namespace

TEST_CASE("openapi: every field of every body is taken exactly when its schema says so") {
    Story story(quick_van());
    const ApiDescription api(story);
    given_shop(story);
    Feeder feeder(story, api);
    for (const Operation& operation : api.operations()) {
        // Which directory is a place for a backup is the machine's to say: tests/backup.
        if (operation.body() != nullptr && operation.id != "takeBackup") {
            feeder.feed(operation);
        }
    }
    CHECK(fmt::format("{}", fmt::join(feeder.differences(), "\n")) == "");
    CHECK(feeder.taken() > 300);
    CHECK(feeder.refused() > 600);
}

TEST_CASE("openapi: every parameter is taken exactly when its schema says so") {
    Story story(quick_van());
    const ApiDescription api(story);
    given_shop(story);
    std::vector<std::string> differences;
    for (const Operation& operation : api.operations()) {
        for (const auto& parameter : operation.parameters) {
            std::ranges::move(
                differences_of(story, api, operation, parameter), std::back_inserter(differences)
            );
        }
    }
    CHECK(fmt::format("{}", fmt::join(differences, "\n")) == "");
}

TEST_CASE("openapi: a size above the largest gives the largest page") {
    Story story;
    const ApiDescription api(story);
    story.given_customer();
    int sized = 0;
    for (const Operation& operation : api.operations()) {
        if (const auto* size = operation.parameter("size")) {
            CAPTURE(operation.id);
            for (const std::string text : {"1000", "1001", "9007199254740991"}) {
                const auto answer = api.example_of(operation).set(*size, text).send(story);
                CHECK(answer.field("page.size") == "1000");
            }
            ++sized;
        }
    }
    CHECK(sized == 12);
}
