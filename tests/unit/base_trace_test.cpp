#include <doctest/doctest.h>

#include <set>

#include "base/trace.hpp"
#include "observe/log_context.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

const std::string id = "0af7651916cd43dd8448eb211c80319c";
const std::string received = "00-" + id + "-b7ad6b7169203331-01";

/// As a line of the log in JSON has it.
std::string context_json(const LogContext& context) {
    std::string text;
    {
        json::Object line(text);
        observe::add_context(line, context);
    }
    return text;
}

}  // namespace

TEST_CASE("a trace that was received goes on as it came") {
    CHECK(trace_id_of(received) == id);
    CHECK(traceparent_of(received) == received);
    SeededRandom random(1);
    const std::string response = traceresponse_of(received, random);
    CHECK(response.size() == received.size());
    CHECK(response.starts_with("00-" + id + "-"));
    CHECK(response.ends_with("-00"));
    CHECK(response.substr(36, 16) != "b7ad6b7169203331");
}

TEST_CASE("a trace that is made here needs no allocation, and is a trace id padded with zeros") {
    SeededRandom random(1);
    std::set<std::string> all;
    for (int i = 0; i < 1000; ++i) {
        const std::string trace = new_trace(random);
        CHECK(trace.size() == 15);
        CHECK(trace.find_first_not_of("0123456789abcdef") == std::string::npos);
        CHECK(trace.find_first_not_of('0') != std::string::npos);
        CHECK(all.insert(trace).second);
    }
    const std::string trace = *all.begin();
    CHECK(trace_id_of(trace) == std::string(17, '0') + trace);
    CHECK(traceparent_of(trace) == "00-" + trace_id_of(trace) + "-0" + trace + "-00");
}

TEST_CASE("no trace stays none") {
    CHECK(trace_id_of("").empty());
    CHECK(traceparent_of("").empty());
    CHECK(current_traceparent().empty());
}

TEST_CASE("what a thread is doing is told innermost first, and only while it does it") {
    CHECK(log_context() == nullptr);
    const LogContext outer{.trace = received, .task = "ask-van", .subject = {"order", 7}};
    const LogScope scope(outer);
    CHECK(observe::context_text(*log_context()) == " order=7 task=ask-van trace=" + id);
    CHECK(current_traceparent() == received);
    {
        const LogContext inner{.key = "book-3", .event = "InventoryIncreased"};
        const LogScope within(inner);
        CHECK(observe::context_text(*log_context()) == " key=book-3 event=InventoryIncreased");
        CHECK(current_traceparent().empty());
    }
    CHECK(log_context() == &outer);
    CHECK(
        context_json({.trace = received, .key = "order-5", .event = "Ordered"}) ==
        R"({"order":5,"event":"Ordered","trace":")" + id + "\"}"
    );
    CHECK(context_json({.key = R"(book-"x")"}) == R"({"key":"book-\"x\""})");
}

}  // namespace bookstore::test
