#include "observe/trace_requests.hpp"

#include "base/trace.hpp"

namespace bookstore::observe {
namespace {

using http::Method;

bool writes(Method method) {
    return method == Method::post || method == Method::put || method == Method::patch ||
           method == Method::del;
}

/// The path of an answer's Location, without what stands before its collection.
std::string_view created_path(const http::Request& request, const http::Response& response) {
    if (response.status != 201) {
        return {};
    }
    for (const http::Header& header : response.headers) {
        if (header.name == "Location") {
            const auto at = header.value.rfind(request.path);
            return at == std::string::npos ? std::string_view()
                                           : std::string_view(header.value).substr(at);
        }
    }
    return {};
}

}  // namespace

TraceRequests::TraceRequests(const Clock& clock, Random& random)
    : clock_(clock), random_(random), started_ms_(clock.now_ms()) {}

void TraceRequests::arrived(http::Request& request) {
    if (!writes(request.method)) {
        return;
    }
    request.arrived_ms = clock_.now_ms();
    if (request.trace.empty()) {
        request.trace = new_trace(random_);
    }
}

void TraceRequests::answered(const http::Request& request, http::Response& response) {
    if (request.trace.empty()) {
        return;
    }
    response.headers.push_back({"traceresponse", traceresponse_of(request.trace, random_)});
    if (request.arrived_ms == 0 || response.status >= 400) {
        return;
    }
    const std::int64_t now = clock_.now_ms();
    const std::string_view created = created_path(request, response);
    const std::scoped_lock lock(mutex_);
    if (seen_.size() < most) {
        seen_.emplace_back();
    }
    Seen& seen = seen_[next_];
    next_ = (next_ + 1) % most;
    seen.arrived_ms = request.arrived_ms;
    seen.answered_ms = now;
    seen.method = request.method;
    seen.status = response.status;
    seen.path = request.path;
    seen.created = created;
    seen.trace = request.trace;
}

std::vector<TraceRequests::Seen> TraceRequests::of_trace(std::string_view trace) const {
    const std::scoped_lock lock(mutex_);
    std::vector<Seen> found;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
        const Seen& seen = seen_[(next_ + i) % seen_.size()];
        if (seen.trace == trace) {
            found.push_back(seen);
        }
    }
    return found;
}

}  // namespace bookstore::observe
