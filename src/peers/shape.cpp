#include "peers/shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "base/json.hpp"

namespace bookstore::peers {
namespace {

namespace json = boost::json;

const json::object* member_object(const json::object& of, std::string_view name) {
    const auto* member = of.if_contains(name);
    return member == nullptr ? nullptr : member->if_object();
}

const json::array* member_array(const json::object& of, std::string_view name) {
    const auto* member = of.if_contains(name);
    return member == nullptr ? nullptr : member->if_array();
}

bool is_whole(const json::value& value) {
    return value.is_int64() || value.is_uint64();
}

bool has_type(const json::value& value, std::string_view type) {
    return type == "object"    ? value.is_object()
           : type == "array"   ? value.is_array()
           : type == "string"  ? value.is_string()
           : type == "integer" ? is_whole(value)
           : type == "number"  ? value.is_number()
           : type == "boolean" ? value.is_bool()
                               : value.is_null();
}

bool is_below(const json::value& value, const json::value& least) {
    return value.is_number() && least.is_number() &&
           value.to_number<double>() < least.to_number<double>();
}

std::optional<std::string> misfit_at(
    const json::value& value, const json::object& schema, const std::string& at
);

std::string below(const std::string& at, std::string_view name) {
    return at.empty() ? std::string(name) : fmt::format("{}.{}", at, name);
}

std::optional<std::string> misfit_of_members(
    const json::object& value, const json::object& schema, const std::string& at
) {
    if (const auto* required = member_array(schema, "required")) {
        for (const json::value& name : *required) {
            if (!value.contains(name.as_string())) {
                return fmt::format("{} is missing", below(at, name.as_string()));
            }
        }
    }
    const auto* known = member_object(schema, "properties");
    const auto* others = member_object(schema, "additionalProperties");
    for (const auto& member : value) {
        const auto* its = known == nullptr ? nullptr : member_object(*known, member.key());
        if (its == nullptr) {
            its = others;
        }
        if (its != nullptr) {
            if (auto why = misfit_at(member.value(), *its, below(at, member.key()))) {
                return why;
            }
        }
    }
    return std::nullopt;
}

std::optional<std::string> misfit_of_alternatives(
    const json::value& value, const json::array& alternatives, const std::string& at
) {
    std::optional<std::string> why;
    for (const json::value& alternative : alternatives) {
        auto fault = misfit_at(value, alternative.as_object(), at);
        if (!fault) {
            return std::nullopt;
        }
        why = why ? why : fault;
    }
    return why;
}

std::optional<std::string> misfit_at(
    const json::value& value, const json::object& schema, const std::string& at
) {
    const std::string name = at.empty() ? "it" : at;
    if (schema.contains("$ref") && !value.is_object()) {
        return name + " is no object";
    }
    if (const auto* alternatives = member_array(schema, "anyOf")) {
        return misfit_of_alternatives(value, *alternatives, at);
    }
    if (const auto* type = schema.if_contains("type"); type != nullptr && type->is_string()) {
        if (!has_type(value, type->get_string())) {
            return fmt::format("{} is no {}", name, std::string_view(type->get_string()));
        }
    }
    if (const auto* words = member_array(schema, "enum")) {
        if (std::ranges::find(*words, value) == words->end()) {
            return name + " is no word that is known";
        }
    }
    if (const auto* least = schema.if_contains("minimum"); least && is_below(value, *least)) {
        return name + " is too small";
    }
    if (const auto* object = value.if_object()) {
        return misfit_of_members(*object, schema, at);
    }
    const auto* items = member_object(schema, "items");
    if (const auto* array = value.if_array(); array != nullptr && items != nullptr) {
        for (std::size_t place = 0; place < array->size(); ++place) {
            if (auto why = misfit_at((*array)[place], *items, fmt::format("{}[{}]", at, place))) {
                return why;
            }
        }
    }
    return std::nullopt;
}

std::string moved_link(std::string_view href, const LinksMoved& links) {
    const bool leads_there =
        href.starts_with(links.from) && href.substr(links.from.size()).starts_with('/');
    return leads_there ? links.to + std::string(href.substr(links.from.size())) : std::string(href);
}

void append_number(std::string& out, double number) {
    const std::string text = fmt::format("{}", number);
    out += text;
    out += text.find_first_of(".e") == text.npos ? ".0" : "";
}

}  // namespace

std::optional<std::string> misfit(const json::value& value, const kernel::Schema& schema) {
    return misfit_at(value, schema.json().as_object(), {});
}

std::expected<json::value, std::string> read_shaped(
    std::string_view body, const kernel::Schema& schema
) {
    json::error_code error;
    json::value value = json::parse(body, error);
    if (error) {
        return std::unexpected("no JSON");
    }
    if (auto why = misfit(value, schema)) {
        return std::unexpected(std::move(*why));
    }
    return value;
}

void append_value(std::string& out, const json::value& value, const LinksMoved& links) {
    if (const auto* object = value.if_object()) {
        bookstore::json::Object written(out);
        for (const auto& member : *object) {
            // The name is another's: it is escaped.
            bookstore::json::detail::separate(out);
            bookstore::json::append(out, std::string_view(member.key()));
            out += ':';
            const bool link = member.key() == "href" && member.value().is_string();
            if (link) {
                bookstore::json::append(out, moved_link(member.value().get_string(), links));
            } else {
                append_value(out, member.value(), links);
            }
        }
    } else if (const auto* array = value.if_array()) {
        const bookstore::json::Array written(out);
        for (const json::value& each : *array) {
            bookstore::json::detail::separate(out);
            append_value(out, each, links);
        }
    } else if (const auto* text = value.if_string()) {
        bookstore::json::append(out, std::string_view(*text));
    } else if (value.is_double()) {
        append_number(out, value.get_double());
    } else {
        out += json::serialize(value);
    }
}

std::string with_links_moved(std::string_view text, const LinksMoved& links) {
    const std::string key = fmt::format("\"href\":\"{}/", links.from);
    const std::string moved_key = fmt::format("\"href\":\"{}/", links.to);
    std::string moved;
    std::size_t begin = 0;
    for (auto at = text.find(key); at != text.npos; at = text.find(key, begin)) {
        moved += text.substr(begin, at - begin);
        moved += moved_key;
        begin = at + key.size();
    }
    return moved += text.substr(begin);
}

}  // namespace bookstore::peers
