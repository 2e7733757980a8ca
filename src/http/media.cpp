#include "http/media.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>

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

/// Which of these "application/..." subtypes Accept prefers: by weight, then the one that it names
/// itself ("application/json, text/plain, */*" names JSON and takes the others along), then the
/// first. Nothing when it takes none.
std::optional<std::string_view> preferred(
    const Request& request, std::initializer_list<std::string_view> subtypes
) {
    std::optional<std::string_view> best;
    Wish most;
    for (const std::string_view subtype : subtypes) {
        const Wish wish = wish_for(request, "application", subtype);
        const bool same = wish.weight == most.weight;
        if (wish.weight > most.weight || (best && same && wish.specificity > most.specificity)) {
            most = wish;
            best = subtype;
        }
    }
    return best;
}

Negotiated among(const Request& request, std::initializer_list<std::string_view> subtypes) {
    const auto subtype = preferred(request, subtypes);
    return {subtype.has_value(), subtype == "json", subtype == "schema+json"};
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
            return among(request, {"hal+json", "json"});
        case Produces::alps:
            return among(request, {"alps+json", "json"});
        case Produces::profile:
            return among(request, {"alps+json", "json", "schema+json"});
        case Produces::json:
            // Routes of health or metrics: JSON by whatever name the client has for it.
            return {.acceptable = wants("application", "json") || wants("application", "+json")};
        case Produces::text:
            return {.acceptable = wants("text", "plain")};
        case Produces::event_stream:
            return {.acceptable = wants("text", "event-stream")};
        case Produces::html:
            return {.acceptable = wants("text", "html")};
        case Produces::nothing:
            break;
    }
    return {};
}

bool is_negotiated(Produces produces) {
    return produces == Produces::hal || produces == Produces::alps || produces == Produces::profile;
}

ProblemForm problem_form(const Request& request) {
    const Wish details = wish_for(request, "application", "problem+json");
    const bool named = details.specificity == 3 && details.weight > 0;
    const bool wanted = named && details.weight >= wish_for(request, "application", "json").weight;
    return wanted ? ProblemForm::problem_json : ProblemForm::error;
}

std::string_view offered(Produces produces) {
    switch (produces) {
        case Produces::hal:
            return "application/hal+json, application/json";
        case Produces::alps:
            return "application/alps+json";
        case Produces::profile:
            return "application/alps+json, application/schema+json";
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

namespace {

constexpr std::string_view patch_types = "application/merge-patch+json, application/json";
constexpr std::size_t max_repeated_bytes = 200;

/// A field's value as a message repeats it.
std::string_view repeated(std::string_view value) {
    return value.substr(0, max_repeated_bytes);
}

bool is_json(const MediaRange& type) {
    if (!equal_ignoring_case(type.type, "application")) {
        return false;
    }
    // A JSON Patch is a list of operations: to merge it would be a misunderstanding.
    if (equal_ignoring_case(type.subtype, "json-patch+json")) {
        return false;
    }
    return equal_ignoring_case(type.subtype, "json") || ends_with_json_suffix(type.subtype);
}

/// The charset that a Content-Type declares, if it is none that UTF-8 reads.
std::optional<std::string_view> foreign_charset(std::string_view content_type) {
    next_element(content_type, ';');
    while (const auto parameter = next_element(content_type, ';')) {
        const auto equals = std::min(parameter->find('='), parameter->size());
        if (!equal_ignoring_case(trimmed(parameter->substr(0, equals)), "charset")) {
            continue;
        }
        auto charset = trimmed(parameter->substr(std::min(equals + 1, parameter->size())));
        if (charset.size() > 1 && charset.starts_with('"') && charset.ends_with('"')) {
            charset = charset.substr(1, charset.size() - 2);
        }
        if (!equal_ignoring_case(charset, "utf-8") && !equal_ignoring_case(charset, "utf8")) {
            return charset;
        }
    }
    return std::nullopt;
}

Problem wrong_content_type(const Request& request, std::string_view value) {
    const bool patch = request.method == Method::patch;
    return {
        415,
        fmt::format(
            "The body must be JSON, not \"{}\". curl's -d sends a form unless told otherwise: add "
            "-H 'Content-Type: application/json'.",
            repeated(value)
        ),
        {},
        {{patch ? "Accept-Patch" : "Accept",
          std::string(patch ? patch_types : "application/json, application/hal+json")}}
    };
}

Problem wrong_charset(std::string_view charset) {
    return {
        415,
        fmt::format(
            "The body is declared to be in the charset \"{}\"; JSON is read as UTF-8 alone. Send "
            "it in UTF-8, without a charset or with charset=UTF-8.",
            repeated(charset)
        ),
        {},
        {{"Accept", "application/json;charset=UTF-8"}, {"Accept-Charset", "utf-8"}}
    };
}

Problem wrong_encoding(std::string_view encoding) {
    return {
        415,
        fmt::format(
            "The body has the Content-Encoding \"{}\"; bodies are read as they are. Send it "
            "without one.",
            repeated(encoding)
        ),
        {},
        {{"Accept-Encoding", "identity"}}
    };
}

std::optional<Problem> encoding_problem(std::string_view list) {
    while (const auto coding = next_element(list)) {
        if (!coding->empty() && !equal_ignoring_case(*coding, "identity")) {
            return wrong_encoding(*coding);
        }
    }
    return std::nullopt;
}

std::optional<Problem> type_problem(const Request& request, std::string_view value) {
    if (trimmed(value).empty()) {
        return std::nullopt;
    }
    if (!is_json(parse_range(value))) {
        return wrong_content_type(request, value);
    }
    if (const auto charset = foreign_charset(value)) {
        return wrong_charset(*charset);
    }
    return std::nullopt;
}

}  // namespace

std::optional<Problem> body_media_problem(const Request& request, Consumes consumes) {
    if (consumes == Consumes::nothing) {
        return std::nullopt;
    }
    for (const Header& header : request.headers) {
        std::optional<Problem> problem;
        if (equal_ignoring_case(header.name, "content-type")) {
            problem = type_problem(request, header.value);
        } else if (equal_ignoring_case(header.name, "content-encoding")) {
            problem = encoding_problem(header.value);
        }
        if (problem) {
            return problem;
        }
    }
    return std::nullopt;
}

}  // namespace bookstore::http
