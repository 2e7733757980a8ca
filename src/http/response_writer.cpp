#include "http/response_writer.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "http/wire.hpp"
#include "http/worker.hpp"

namespace bookstore::http {

namespace {

/// Up to here a body is copied after its head; beyond, the two are written side by side.
constexpr std::size_t copied_body_bytes = 16 << 10;

bool is_bare(const Response& response, const ResponseWriter::Terms& terms) {
    return terms.without_body || !may_have_body(response.status);
}

/// Makes the head in `out`.
void compose_head(
    std::string& out,
    const Response& response,
    const ResponseWriter::Terms& terms,
    std::optional<std::uint64_t> length,
    std::string_view date
) {
    HeadOptions head;
    head.date = date;
    head.request_id = terms.request_id;
    head.content_length = length;
    head.chunked = response.stream && !terms.http_1_0;
    if (!terms.keep_alive) {
        head.connection = HeadOptions::Connection::close;
    } else if (terms.http_1_0) {
        head.connection = HeadOptions::Connection::keep_alive;
    }
    out.clear();
    append_head(out, response, head);
}

}  // namespace

bool ResponseWriter::is_streamed(const Response& response, const Terms& terms) {
    return response.stream && !is_bare(response, terms);
}

std::string ResponseWriter::head_of_stream(const Response& response, const Terms& terms) {
    std::string head;
    compose_head(head, response, terms, std::nullopt, worker_.date.now());
    return head;
}

ResponseWriter::Progress ResponseWriter::send_now(const Response& response, const Terms& terms) {
    std::optional<std::uint64_t> length;
    if (may_have_body(response.status) && !response.stream) {
        length = response.body.size();
    }
    std::string& head = worker_.scratch;
    compose_head(head, response, terms, length, worker_.date.now());
    std::string_view body =
        is_bare(response, terms) ? std::string_view() : std::string_view(response.body);
    if (body.size() <= copied_body_bytes) {
        head += body;
        body = {};
    }
    const auto written = client_.write_now(head, body);
    if (!written) {
        return Progress::gone;
    }
    if (*written == head.size() + body.size()) {
        return Progress::sent;
    }
    const std::size_t head_written = std::min(*written, head.size());
    unsent_.head = head.substr(head_written);
    unsent_.body = body.substr(*written - head_written);
    return Progress::unsent;
}

Awaitable<bool> ResponseWriter::send_rest() {
    const std::string head = std::exchange(unsent_.head, std::string());
    const bool sent = co_await client_.write_rest(head, unsent_.body);
    co_return sent;
}

}  // namespace bookstore::http
