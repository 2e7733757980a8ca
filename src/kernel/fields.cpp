#include "kernel/fields.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>

#include "base/encoding.hpp"
#include "base/json_names.hpp"
#include "base/utf8.hpp"

namespace bookstore::kernel {
namespace {

constexpr std::size_t max_repeated_characters = 100;

std::string shown(const boost::json::value& value) {
    if (value.is_string()) {
        return std::string(value.get_string());
    }
    if (value.is_double()) {
        return fmt::format("{}", value.get_double());
    }
    return boost::json::serialize(value);
}

http::FieldError fault(const FieldSpec& spec, detail::Value value, std::string message) {
    http::FieldError error{.field = spec.name, .message = std::move(message), .rejected_value = {}};
    if (value != nullptr) {
        error.rejected_value = shown(*value);
    }
    return error;
}

std::string missing(const FieldSpec& spec) {
    switch (spec.kind) {
        case FieldKind::integer:
            return fmt::format("is missing: a whole number, at least {}", spec.minimum);
        case FieldKind::money:
            return "is missing: an amount";
        case FieldKind::text:
            return "is missing: a text of 1 to 255 characters";
        case FieldKind::word:
            return fmt::format("is missing: one of {}", fmt::join(spec.words, ", "));
    }
    return "is missing";
}

/// JSON writes a digit on both sides of the point: "1." and ".5" are no numbers.
bool has_bare_point(std::string_view text) {
    const auto point = text.find('.');
    const auto digit = [&](std::size_t i) {
        return i < text.size() && text[i] >= '0' && text[i] <= '9';
    };
    return point != text.npos && (!digit(point - 1) || !digit(point + 1));
}

enum class NumberFault { none, no_number, no_integer, too_large };

NumberFault to_integer(const boost::json::value& value, std::int64_t& into) {
    if (value.is_int64()) {
        into = value.get_int64();
        return into > max_integer ? NumberFault::too_large : NumberFault::none;
    }
    if (value.is_uint64()) {
        return NumberFault::too_large;
    }
    double number = 0;
    if (value.is_double()) {
        number = value.get_double();
    } else if (value.is_string()) {
        const std::string_view text = value.get_string();
        const char* end = text.data() + text.size();
        const auto whole = std::from_chars(text.data(), end, into);
        if (whole.ec == std::errc() && whole.ptr == end) {
            return into > max_integer ? NumberFault::too_large : NumberFault::none;
        }
        const auto real = std::from_chars(text.data(), end, number);
        const bool finite = std::isfinite(number);
        if (real.ptr != end || text.empty() || !finite || has_bare_point(text)) {
            return NumberFault::no_number;
        }
        if (real.ec == std::errc::result_out_of_range) {
            // No double holds it: it is a fraction next to 0, or too large.
            return text.find("e-") != text.npos || text.find("E-") != text.npos
                       ? NumberFault::no_integer
                       : NumberFault::too_large;
        }
    } else {
        return NumberFault::no_number;
    }
    // Of 0e999 Boost.JSON makes a NaN, which is not below anything.
    if (!(std::abs(number) <= static_cast<double>(max_integer))) {
        return NumberFault::too_large;
    }
    into = static_cast<std::int64_t>(number);
    return static_cast<double>(into) == number ? NumberFault::none : NumberFault::no_integer;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t minimum) {
    std::int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    const bool digits = !text.empty() && text.front() >= '0' && text.front() <= '9';
    if (!digits || error != std::errc() || rest != end || number > max_integer ||
        number < minimum) {
        return std::nullopt;
    }
    return number;
}

std::optional<std::string> text_fault(std::string_view text) {
    std::size_t characters = 0;
    bool blank = true;
    while (!text.empty()) {
        const auto character = utf8::decode(text);
        if (!character) {
            return "must be UTF-8";
        }
        if (utf8::is_control(character->code)) {
            return "must not hold control characters";
        }
        if (utf8::is_bidirectional_control(character->code)) {
            return "must not hold characters that set the direction of the text";
        }
        blank = blank && utf8::is_invisible(character->code);
        ++characters;
        text.remove_prefix(character->bytes);
    }
    if (blank) {
        return "must not be blank: nothing of it can be seen";
    }
    if (characters > max_text_characters) {
        return fmt::format("must be 1 to {} characters", max_text_characters);
    }
    return std::nullopt;
}

namespace detail {

bool absent(Value value) {
    return value == nullptr || value->is_null();
}

Error read(const FieldSpec& spec, Value value, std::int64_t& into) {
    if (absent(value)) {
        return fault(spec, value, missing(spec));
    }
    switch (to_integer(*value, into)) {
        case NumberFault::no_number:
            return fault(spec, value, "must be a whole number");
        case NumberFault::no_integer:
            return fault(spec, value, "must be a whole number, without a fraction");
        case NumberFault::too_large:
            return fault(spec, value, fmt::format("must be at most {}", max_integer));
        case NumberFault::none:
            break;
    }
    if (into < spec.minimum) {
        return fault(spec, value, fmt::format("must be at least {}", spec.minimum));
    }
    return std::nullopt;
}

Error read(const FieldSpec& spec, Value value, Money& into) {
    if (absent(value)) {
        return fault(spec, value, missing(spec));
    }
    std::optional<Money> money;
    if (value->is_string()) {
        money = Money::parse(value->get_string());
    } else if (value->is_number()) {
        money = Money::from_double(value->to_number<double>());
    }
    if (!money) {
        return fault(
            spec,
            value,
            "must be an amount from 0 to 999999999999.99 with at most 2 fraction digits"
        );
    }
    into = *money;
    return std::nullopt;
}

Error read(const FieldSpec& spec, Value value, std::string& into) {
    if (absent(value)) {
        return fault(spec, value, missing(spec));
    }
    if (!value->is_string()) {
        return fault(spec, value, "must be a text");
    }
    const std::string_view text = value->get_string();
    if (spec.kind == FieldKind::word) {
        for (const std::string_view word : spec.words) {
            if (word == text) {
                into = text;
                return std::nullopt;
            }
        }
        return fault(spec, value, fmt::format("must be one of {}", fmt::join(spec.words, ", ")));
    }
    if (auto why = text_fault(text)) {
        return fault(spec, value, std::move(*why));
    }
    into = text;
    return std::nullopt;
}

namespace {

/// The object that the body is; 400 that says why it is none.
std::expected<boost::json::object, http::Problem> object_in(const http::Request& request) {
    const std::string_view body = request.body;
    const auto refused = [](std::string message) {
        return std::unexpected(http::Problem{.status = 400, .message = std::move(message)});
    };
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return refused("the body is empty; a JSON object is expected");
    }
    if (const auto fault = encoding_fault(body)) {
        return refused("the body " + *fault);
    }
    boost::json::parse_options options;
    options.max_depth = request.max_json_depth;
    boost::json::error_code error;
    boost::json::value parsed = boost::json::parse(body, error, {}, options);
    if (error) {
        return refused(fmt::format("the body is not valid JSON: {}", error.message()));
    }
    if (!parsed.is_object()) {
        return refused("the body must be a JSON object");
    }
    if (const auto name = json::repeated_name(body)) {
        return refused(fmt::format(
            "the body has the name \"{}\" twice in one object; each may be given once",
            utf8::first_characters(*name, max_repeated_characters)
        ));
    }
    return std::move(parsed.get_object());
}

}  // namespace

std::optional<http::Problem> for_each_value(
    const http::Request& request,
    const std::vector<FieldSpec>& specs,
    bool present_only,
    const std::function<Error(std::size_t index, Value value)>& each
) {
    auto object = object_in(request);
    if (!object) {
        return std::move(object.error());
    }
    http::Problem problem{.status = 400, .message = {}};
    for (std::size_t i = 0; i < specs.size(); ++i) {
        const Value value = object->if_contains(specs[i].name);
        if (value == nullptr && present_only) {
            continue;
        }
        if (auto fault = each(i, value)) {
            problem.errors.push_back(std::move(*fault));
        }
    }
    if (problem.errors.empty()) {
        return std::nullopt;
    }
    problem.message = problem.errors.size() == 1
                          ? "1 field is invalid"
                          : fmt::format("{} fields are invalid", problem.errors.size());
    return problem;
}

}  // namespace detail

std::expected<std::int64_t, http::Problem> path_id(const http::Request& request) {
    const std::string& text = request.captures.at(0);
    if (const auto id = parse_integer(text, 1)) {
        return *id;
    }
    return std::unexpected(http::Problem{
        .status = 400,
        .message = "an id in the path is a whole number from 1, for example /orders/1"
    });
}

std::expected<std::optional<std::string_view>, http::Problem> query_text(
    const http::Request& request, std::string_view name
) {
    std::optional<std::string_view> found;
    for (const auto& [given, value] : request.query) {
        if (given != name) {
            continue;
        }
        if (found) {
            return std::unexpected(bad_parameter(name, value, "must be given once"));
        }
        found = value;
    }
    return found;
}

http::Problem bad_parameter(
    std::string_view name, std::optional<std::string_view> value, std::string message
) {
    http::Problem problem{
        .status = 400, .message = fmt::format("the query parameter {} {}", name, message)
    };
    problem.errors.push_back(
        {std::string(name), std::move(message), value.transform([](std::string_view text) {
             return std::string(text);
         })}
    );
    return problem;
}

std::expected<std::int64_t, http::Problem> query_id(
    const http::Request& request, std::string_view name
) {
    const auto text = query_text(request, name);
    if (!text) {
        return std::unexpected(text.error());
    }
    if (!*text) {
        return std::unexpected(
            bad_parameter(name, std::nullopt, "is missing: a whole number from 1")
        );
    }
    if (const auto id = parse_integer(**text, 1)) {
        return *id;
    }
    return std::unexpected(bad_parameter(name, *text, "must be a whole number from 1"));
}

}  // namespace bookstore::kernel
