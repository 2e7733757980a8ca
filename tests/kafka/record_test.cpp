#include "kafka/record.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <random>

#include "base/trace.hpp"
#include "ends.hpp"
#include "support/seeds.hpp"

namespace bookstore::test {
namespace {

using kafka::Header;
using kafka::HeaderView;

std::vector<HeaderView> views_of(const std::vector<Header>& headers) {
    std::vector<HeaderView> views;
    for (const Header& header : headers) {
        views.push_back({.name = header.name, .value = header.value});
    }
    return views;
}

/// What is read of that record's headers, once `change` has been at them.
std::expected<bus::Record, std::string> read_back(
    const bus::Record& record,
    const std::function<void(std::vector<Header>&)>& change = [](auto&) {}
) {
    auto headers = kafka::headers_of(record);
    change(headers);
    return kafka::record_of(record.event.key, record.event.payload, views_of(headers));
}

const std::string* find(const std::vector<Header>& headers, std::string_view name) {
    const auto found = std::ranges::find(headers, name, &Header::name);
    return found == headers.end() ? nullptr : &found->value;
}

TEST_CASE("a record's headers are text that CloudEvents and we know") {
    const auto headers = kafka::headers_of(record_at(5));
    std::string text;
    for (const auto& [name, value] : headers) {
        text += fmt::format("{}={}\n", name, value);
    }
    CHECK(
        text ==
        "ce_specversion=1.0\n"
        "ce_id=00000000-0000-4000-8000-000000000005\n"
        "ce_source=/order\n"
        "ce_type=Ordered\n"
        "ce_time=2020-09-13T12:26:40.128Z\n"
        "content-type=application/json\n"
        "traceparent=00-00000000000000000000000000000005-0000000000000005-00\n"
        "sequence=5\n"
        "previous=00000000-0000-4000-8000-000000000004\n"
        "seen=5:0000000000000000000000000000000000000000000000000000000000000005\n"
    );
}

TEST_CASE("the first of an outbox names none before it, and of nothing there is no hash") {
    bus::Record first = record_at(1);
    first.seen = {};
    const auto headers = kafka::headers_of(first);
    CHECK(find(headers, "previous") == nullptr);
    REQUIRE(find(headers, "seen") != nullptr);
    CHECK(*find(headers, "seen") == "0:");
    const auto back = read_back(first);
    REQUIRE(back);
    CHECK(text_of(*back) == text_of(first));
    // An empty one says the same.
    const auto empty = read_back(first, [](auto& all) { all.push_back({"previous", ""}); });
    REQUIRE(empty);
    CHECK(text_of(*empty) == text_of(first));
}

TEST_CASE("a trace comes back as it was stored, whatever it is") {
    const std::string made = "0123456789abcde";
    const std::string as_made = traceparent_of(made);
    const std::string received = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const struct {
        std::string trace;
        bool traceparent;  ///< there is such a header
        bool more;         ///< and bookstore_trace
    } cases[] = {
        {"", false, false},
        {made, true, false},
        {received, true, false},
        {as_made, true, true},  // a client's that looks like one that was made here
        {"7", true, true},
        {"no trace at all", false, true},
        {std::string(55, 'x'), false, true},
        {std::string(200, 'a'), false, true},
    };
    for (const auto& each : cases) {
        INFO(each.trace);
        bus::Record record = record_at(3);
        record.event.trace = each.trace;
        const auto headers = kafka::headers_of(record);
        CHECK((find(headers, "traceparent") != nullptr) == each.traceparent);
        CHECK((find(headers, "bookstore_trace") != nullptr) == each.more);
        const auto back = read_back(record);
        REQUIRE(back);
        CHECK(text_of(*back) == text_of(record));
    }
}

TEST_CASE("whatever is in a record comes back") {
    for (std::uint64_t seed = 1; seed <= seeds(500); ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const auto below = [&random](std::int64_t bound) {
            return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random);
        };
        const auto bytes = [&](std::int64_t most) {
            std::string text;
            for (std::int64_t left = below(most); left > 0; --left) {
                text.push_back(static_cast<char>(below(256)));
            }
            return text;
        };
        bus::Record record = record_at(below(1'000'000) + 1);
        record.event.source_position = below(std::int64_t{1} << 62) + 1;
        record.event.key = bytes(20);
        record.event.payload = bytes(50);
        record.event.type += bytes(10);
        record.event.source += bytes(10);
        record.event.trace = below(2) == 0 ? bytes(60) : record.event.trace;
        // The years 0 to 9999.
        record.event.time_ms = below(315'569'519'999'000) - 62'167'219'200'000;
        record.seen.hash += bytes(5);
        const auto back = read_back(record);
        REQUIRE(back);
        CHECK(text_of(*back) == text_of(record));
    }
}

TEST_CASE("a record that is none of ours says why") {
    const auto flaw_with = [](const std::string& name, const std::string& value) {
        const auto back = read_back(record_at(5), [&](auto& headers) {
            std::erase_if(headers, [&](const Header& header) { return header.name == name; });
            headers.push_back({name, value});
        });
        return back ? std::string() : back.error();
    };
    for (const std::string name :
         {"ce_specversion",
          "ce_id",
          "ce_source",
          "ce_type",
          "ce_time",
          "content-type",
          "sequence",
          "seen"}) {
        const auto back = read_back(record_at(5), [&](auto& headers) {
            std::erase_if(headers, [&](const Header& header) { return header.name == name; });
        });
        REQUIRE_FALSE(back);
        CHECK(back.error() == fmt::format("the header {} is missing", name));
        CHECK(flaw_with(name, "") != "");
    }
    CHECK(flaw_with("ce_specversion", "0.3") == "the header ce_specversion is \"0.3\"");
    for (const std::string id :
         {"5",
          "00000000-0000-4000-8000-00000000000g",
          "00000000-0000-4000-8000-0000000000055",
          "00000000-0000-4000-8000-00000000000A"}) {
        CHECK(flaw_with("ce_id", id) == fmt::format("the header ce_id is \"{}\"", id));
        CHECK(flaw_with("previous", id) == fmt::format("the header previous is \"{}\"", id));
    }
    CHECK(flaw_with("ce_source", "order") == "the header ce_source is \"order\"");
    CHECK(flaw_with("ce_source", "/") != "");
    CHECK(flaw_with("content-type", "text/plain") != "");
    for (const std::string sequence : {"0", "-1", "+1", "05", "5 ", "x", "9223372036854775808"}) {
        CHECK(flaw_with("sequence", sequence) != "");
    }
    for (const std::string seen : {":", "5", "5:", "0:x", "-1:x", "x:y", ":x", "05:x"}) {
        CHECK(flaw_with("seen", seen) == fmt::format("the header seen is \"{}\"", seen));
    }
    CHECK(flaw_with("traceparent", "00-1-2-00") == "the header traceparent is \"00-1-2-00\"");
    CHECK(flaw_with("somebody-else", "s") == "");
    CHECK(flaw_with("ce_type", std::string(500, 'x')) == "");
    CHECK(flaw_with("ce_time", std::string(500, 'x')).size() < 120);
}

TEST_CASE("a header that stands twice, and a record without a value, are found") {
    const auto twice =
        read_back(record_at(5), [](auto& headers) { headers.push_back({"sequence", "5"}); });
    REQUIRE_FALSE(twice);
    CHECK(twice.error() == "there are two headers sequence");
    const auto headers = kafka::headers_of(record_at(5));
    const auto tombstone = kafka::record_of("order-1", std::nullopt, views_of(headers));
    REQUIRE_FALSE(tombstone);
    CHECK(tombstone.error() == "it has no value");
}

TEST_CASE("times are read as they are written, and no others") {
    CHECK(kafka::cloud_event_time(0) == "1970-01-01T00:00:00.000Z");
    CHECK(kafka::cloud_event_time(-1) == "1969-12-31T23:59:59.999Z");
    CHECK(kafka::cloud_event_time(1'583'020'799'007) == "2020-02-29T23:59:59.007Z");
    CHECK(kafka::parse_cloud_event_time("2020-02-29T23:59:59.007Z") == 1'583'020'799'007);
    for (const std::string text :
         {"",
          "2020-02-30T00:00:00.000Z",
          "2019-02-29T00:00:00.000Z",
          "2020-13-01T00:00:00.000Z",
          "2020-01-01T24:00:00.000Z",
          "2020-01-01T00:60:00.000Z",
          "2020-01-01T00:00:60.000Z",
          "2020-01-01T00:00:00Z",
          "2020-01-01T00:00:00.000",
          "2020-01-01T00:00:00.000+0",
          "2020-01-01 00:00:00.000Z",
          "2020-01-01T00:00:00.0x0Z"}) {
        INFO(text);
        CHECK_FALSE(kafka::parse_cloud_event_time(text));
    }
}

}  // namespace
}  // namespace bookstore::test
