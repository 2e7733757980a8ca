#include "http/media.hpp"

#include <algorithm>
#include <cstddef>

#include "http/text.hpp"

namespace bookstore::http {

namespace {

/// How much an Accept field wants one media type. A more specific range decides over a less
/// specific one, whatever their weights (RFC 9110 12.5.1).
struct Wish {
    int weight = 0;       ///< q in thousandths
    int specificity = 0;  ///< 1: */*, 2: type/*, 3: type/subtype; 0: no range fits
};

struct MediaRange {
    std::string_view type;
    std::string_view subtype;
    int weight = 1000;
};

/// "0.5" as thousandths; a malformed weight counts as none given.
int parse_weight(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) {
        return 1000;
    }
    int weight = (text[0] - '0') * 1000;
    if (text.size() > 1 && text[1] != '.') {
        return 1000;
    }
    int unit = 100;
    for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (c < '0' || c > '9') {
            return 1000;
        }
        weight += (c - '0') * unit;
        unit /= 10;
    }
    return std::min(weight, 1000);
}

MediaRange parse_range(std::string_view element) {
    MediaRange range;
    const auto media_type = next_element(element, ';').value_or("");
    const auto slash = std::min(media_type.find('/'), media_type.size());
    range.type = media_type.substr(0, slash);
    range.subtype = slash < media_type.size() ? media_type.substr(slash + 1) : "";
    while (const auto parameter = next_element(element, ';')) {
        const bool is_weight = parameter->starts_with("q=") || parameter->starts_with("Q=");
        if (is_weight) {
            range.weight = parse_weight(parameter->substr(2));
        }
    }
    return range;
}

bool ends_with_json_suffix(std::string_view subtype) {
    constexpr std::string_view suffix = "+json";
    return subtype.size() > suffix.size() &&
           equal_ignoring_case(subtype.substr(subtype.size() - suffix.size()), suffix);
}

/// An offer of "+json" stands for every type with that suffix.
int specificity_of(const MediaRange& range, std::string_view type, std::string_view subtype) {
    if (range.type == "*") {
        return range.subtype == "*" ? 1 : 0;
    }
    if (!equal_ignoring_case(range.type, type)) {
        return 0;
    }
    if (range.subtype == "*") {
        return 2;
    }
    if (subtype == "+json") {
        return ends_with_json_suffix(range.subtype) ? 3 : 0;
    }
    return equal_ignoring_case(range.subtype, subtype) ? 3 : 0;
}

Wish wish_for(const Request& request, std::string_view type, std::string_view subtype) {
    Wish wish;
    for (const Header& header : request.headers) {
        if (!equal_ignoring_case(header.name, "accept")) {
            continue;
        }
        std::string_view list = header.value;
        while (const auto element = next_element(list)) {
            const MediaRange range = parse_range(*element);
            const int specificity = specificity_of(range, type, subtype);
            if (specificity == 0 || specificity < wish.specificity) {
                continue;
            }
            const bool same = specificity == wish.specificity;
            wish = {same ? std::max(wish.weight, range.weight) : range.weight, specificity};
        }
    }
    return wish;
}

Negotiated negotiate_hal(const Request& request) {
    const Wish hal = wish_for(request, "application", "hal+json");
    const Wish json = wish_for(request, "application", "json");
    if (hal.weight != json.weight) {
        return {true, json.weight > hal.weight};
    }
    // "application/json, text/plain, */*" names JSON and takes HAL along with anything else.
    return {hal.weight > 0, json.specificity > hal.specificity};
}

bool accepts_everything(const Request& request) {
    for (const Header& header : request.headers) {
        if (!equal_ignoring_case(header.name, "accept")) {
            continue;
        }
        const auto value = trimmed(header.value);
        if (value != "*/*" && !value.empty()) {
            return false;
        }
    }
    return true;
}

}  // namespace

Negotiated negotiate(const Request& request, Produces produces) {
    if (produces == Produces::nothing || accepts_everything(request)) {
        return {};
    }
    const auto wants = [&](std::string_view type, std::string_view subtype) {
        return wish_for(request, type, subtype).weight > 0;
    };
    switch (produces) {
        case Produces::hal:
            return negotiate_hal(request);
        case Produces::json:
            // Routes of health, metrics or ALPS: JSON by whatever name the client has for it.
            return {wants("application", "json") || wants("application", "+json"), false};
        case Produces::text:
            return {wants("text", "plain"), false};
        case Produces::event_stream:
            return {wants("text", "event-stream"), false};
        case Produces::html:
            return {wants("text", "html"), false};
        case Produces::nothing:
            break;
    }
    return {};
}

std::string_view offered(Produces produces) {
    switch (produces) {
        case Produces::hal:
            return "application/hal+json, application/json";
        case Produces::json:
            return "application/json";
        case Produces::text:
            return "text/plain";
        case Produces::event_stream:
            return "text/event-stream";
        case Produces::html:
            return "text/html";
        case Produces::nothing:
            break;
    }
    return "*/*";
}

bool is_consumable(const Request& request, Consumes consumes) {
    if (consumes == Consumes::nothing) {
        return true;
    }
    const auto field = request.header("content-type");
    if (!field || trimmed(*field).empty()) {
        return true;
    }
    const MediaRange type = parse_range(*field);
    if (!equal_ignoring_case(type.type, "application")) {
        return false;
    }
    // A JSON Patch is a list of operations: to merge it would be a misunderstanding.
    if (equal_ignoring_case(type.subtype, "json-patch+json")) {
        return false;
    }
    return equal_ignoring_case(type.subtype, "json") || ends_with_json_suffix(type.subtype);
}

}  // namespace bookstore::http
