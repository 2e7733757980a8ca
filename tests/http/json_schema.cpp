#include "json_schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <regex>
#include <stdexcept>

namespace bookstore::test {
namespace {

namespace json = boost::json;

std::string shown(const json::value& value) {
    std::string text = json::serialize(value);
    return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

/// An integer is a number without a fraction, however it is written: 1.0 is one.
bool has_type(const json::value& value, std::string_view type) {
    if (type == "integer") {
        return value.is_int64() || value.is_uint64() ||
               (value.is_double() && std::trunc(value.get_double()) == value.get_double());
    }
    static const std::map<std::string_view, bool (*)(const json::value&)> tests{
        {"null", [](const json::value& v) { return v.is_null(); }},
        {"boolean", [](const json::value& v) { return v.is_bool(); }},
        {"object", [](const json::value& v) { return v.is_object(); }},
        {"array", [](const json::value& v) { return v.is_array(); }},
        {"number", [](const json::value& v) { return v.is_number(); }},
        {"string", [](const json::value& v) { return v.is_string(); }}
    };
    const auto test = tests.find(type);
    if (test == tests.end()) {
        throw std::invalid_argument(fmt::format("unknown type {}", type));
    }
    return test->second(value);
}

/// Whether a double was meant as a multiple: it is within its own precision of one.
bool is_multiple(double value, double of) {
    const double nearest = std::round(value / of) * of;
    const double precision = 4 * std::numeric_limits<double>::epsilon() * std::abs(value);
    return std::abs(nearest - value) <= precision;
}

bool equal(const json::value& a, const json::value& b) {
    return a.is_number() && b.is_number() ? a.to_number<double>() == b.to_number<double>() : a == b;
}

/// std::regex knows bytes, or wide characters and \u escapes of them.
bool fits(std::string_view pattern, std::string_view text) {
    static std::map<std::string, std::wregex, std::less<>> known;
    auto found = known.find(pattern);
    if (found == known.end()) {
        found = known.emplace(pattern, std::wregex(characters_of(pattern))).first;
    }
    return std::regex_search(characters_of(text), found->second);
}

bool has_format(std::string_view format, std::string_view text) {
    if (format == "date-time") {
        return fits(R"(^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$)", text);
    }
    if (format == "uri") {
        return fits(R"(^https?://[!-~]+$)", text);
    }
    throw std::invalid_argument(fmt::format("unknown format {}", format));
}

class Checker {
  public:
    explicit Checker(const json::value& document) : document_(document) {}

    std::vector<std::string> faults;

    void check(const json::value& schema, const json::value& value, const std::string& where) {
        if (schema.is_bool()) {
            expect(schema.get_bool(), where, "must not be there");
            return;
        }
        for (const auto& [keyword, rule] : schema.as_object()) {
            static const std::map<std::string_view, Rule> rules = all_rules();
            const auto known = rules.find(std::string_view(keyword));
            if (known == rules.end()) {
                throw std::invalid_argument(
                    fmt::format("unknown keyword {}", std::string_view(keyword))
                );
            }
            if (known->second != nullptr) {
                (this->*known->second)({schema, rule, value, where});
            }
        }
    }

  private:
    struct Case {
        const json::value& schema;
        const json::value& rule;
        const json::value& value;
        const std::string& where;
    };
    using Rule = void (Checker::*)(const Case&);

    /// A keyword without a rule says nothing about validity.
    static std::map<std::string_view, Rule> all_rules() {
        return {
            {"type", &Checker::type},
            {"enum", &Checker::enumeration},
            {"const", &Checker::constant},
            {"minimum", &Checker::minimum},
            {"maximum", &Checker::maximum},
            {"multipleOf", &Checker::multiple},
            {"minLength", &Checker::min_length},
            {"maxLength", &Checker::max_length},
            {"pattern", &Checker::pattern},
            {"format", &Checker::format},
            {"properties", &Checker::properties},
            {"required", &Checker::required},
            {"additionalProperties", &Checker::additional},
            {"items", &Checker::items},
            {"anyOf", &Checker::any_of},
            {"oneOf", &Checker::one_of},
            {"$ref", &Checker::reference},
            {"title", nullptr},
            {"description", nullptr},
            {"default", nullptr},
            {"examples", nullptr},
        };
    }

    void expect(bool good, const std::string& where, const std::string& what) {
        if (!good) {
            faults.push_back(fmt::format("{}: {}", where.empty() ? "/" : where, what));
        }
    }

    void type(const Case& c) {
        bool good = false;
        std::string names;
        const json::array one{c.rule};
        for (const auto& name : c.rule.is_array() ? c.rule.get_array() : one) {
            good = has_type(c.value, name.as_string()) || good;
            names += (names.empty() ? "" : " or ") + std::string(name.as_string());
        }
        expect(good, c.where, fmt::format("{} is no {}", shown(c.value), names));
    }
    void enumeration(const Case& c) {
        const auto same = [&](const json::value& allowed) { return equal(allowed, c.value); };
        const bool good = std::ranges::any_of(c.rule.as_array(), same);
        expect(good, c.where, fmt::format("{} is none of {}", shown(c.value), shown(c.rule)));
    }
    void constant(const Case& c) {
        expect(
            equal(c.rule, c.value),
            c.where,
            fmt::format("{} is not {}", shown(c.value), shown(c.rule))
        );
    }

    // ---- numbers

    static std::optional<double> number_in(const json::value& value) {
        return value.is_number() ? std::optional(value.to_number<double>()) : std::nullopt;
    }
    void minimum(const Case& c) {
        const auto number = number_in(c.value);
        const bool good = !number || *number >= c.rule.to_number<double>();
        expect(good, c.where, fmt::format("{} is below {}", shown(c.value), shown(c.rule)));
    }
    void maximum(const Case& c) {
        const auto number = number_in(c.value);
        const bool good = !number || *number <= c.rule.to_number<double>();
        expect(good, c.where, fmt::format("{} is above {}", shown(c.value), shown(c.rule)));
    }
    void multiple(const Case& c) {
        const auto number = number_in(c.value);
        const bool good = !number || is_multiple(*number, c.rule.to_number<double>());
        expect(
            good, c.where, fmt::format("{} is no multiple of {}", shown(c.value), shown(c.rule))
        );
    }

    // ---- texts

    static std::optional<std::string_view> text_in(const json::value& value) {
        return value.is_string() ? std::optional<std::string_view>(value.get_string())
                                 : std::nullopt;
    }
    void min_length(const Case& c) {
        const auto text = text_in(c.value);
        const bool good = !text || characters_of(*text).size() >= c.rule.to_number<std::size_t>();
        expect(good, c.where, fmt::format("{} is shorter than {}", shown(c.value), shown(c.rule)));
    }
    void max_length(const Case& c) {
        const auto text = text_in(c.value);
        const bool good = !text || characters_of(*text).size() <= c.rule.to_number<std::size_t>();
        expect(good, c.where, fmt::format("{} is longer than {}", shown(c.value), shown(c.rule)));
    }
    void pattern(const Case& c) {
        const auto text = text_in(c.value);
        const bool good = !text || fits(c.rule.as_string(), *text);
        expect(good, c.where, fmt::format("{} does not fit {}", shown(c.value), shown(c.rule)));
    }
    void format(const Case& c) {
        static const std::map<std::string_view, double> widths{
            {"int32", 0x1p31}, {"int64", 0x1p63}, {"double", HUGE_VAL}
        };
        if (const auto width = widths.find(c.rule.as_string()); width != widths.end()) {
            const auto number = number_in(c.value);  // of a text it says nothing
            const bool good = !number || (*number >= -width->second && *number < width->second);
            expect(good, c.where, fmt::format("{} is no {}", shown(c.value), shown(c.rule)));
            return;
        }
        const auto text = text_in(c.value);
        const bool good = !text || has_format(c.rule.as_string(), *text);
        expect(good, c.where, fmt::format("{} is no {}", shown(c.value), shown(c.rule)));
    }

    // ---- objects and arrays

    void properties(const Case& c) {
        const auto* object = c.value.if_object();
        for (const auto& [name, schema] : c.rule.as_object()) {
            const auto* member = object == nullptr ? nullptr : object->if_contains(name);
            if (member != nullptr) {
                check(schema, *member, fmt::format("{}/{}", c.where, std::string_view(name)));
            }
        }
    }
    void required(const Case& c) {
        const auto* object = c.value.if_object();
        for (const auto& name : c.rule.as_array()) {
            const bool good = object == nullptr || object->contains(name.as_string());
            expect(good, c.where, fmt::format("{} is missing", shown(name)));
        }
    }
    void additional(const Case& c) {
        const auto* object = c.value.if_object();
        const auto* declared = c.schema.as_object().if_contains("properties");
        if (object == nullptr) {
            return;
        }
        for (const auto& [name, member] : *object) {
            if (declared == nullptr || !declared->as_object().contains(name)) {
                check(c.rule, member, fmt::format("{}/{}", c.where, std::string_view(name)));
            }
        }
    }
    void items(const Case& c) {
        if (const auto* array = c.value.if_array()) {
            for (std::size_t i = 0; i < array->size(); ++i) {
                check(c.rule, (*array)[i], fmt::format("{}/{}", c.where, i));
            }
        }
    }

    // ---- other schemas

    std::size_t count_fitting(const Case& c, std::string& why) const {
        std::size_t fitting = 0;
        for (const auto& schema : c.rule.as_array()) {
            Checker branch(document_);
            branch.check(schema, c.value, c.where);
            fitting += branch.faults.empty() ? 1 : 0;
            why += fmt::format(" ({})", fmt::join(branch.faults, ", "));
        }
        return fitting;
    }
    void any_of(const Case& c) {
        std::string why;
        const bool good = count_fitting(c, why) > 0;
        expect(good, c.where, fmt::format("{} fits none of:{}", shown(c.value), why));
    }
    void one_of(const Case& c) {
        std::string why;
        const std::size_t fitting = count_fitting(c, why);
        expect(
            fitting == 1, c.where, fmt::format("{} fits {} of:{}", shown(c.value), fitting, why)
        );
    }
    void reference(const Case& c) {
        check(resolved(document_, c.rule.as_string()), c.value, c.where);
    }

    const json::value& document_;
};

}  // namespace

std::vector<std::string> schema_faults(
    const json::value& document, const json::value& schema, const json::value& value
) {
    Checker checker(document);
    checker.check(schema, value, {});
    return std::move(checker.faults);
}

const json::value& resolved(const json::value& document, std::string_view reference) {
    json::error_code error;
    const auto* found =
        reference.starts_with("#/") ? document.find_pointer(reference.substr(1), error) : nullptr;
    if (found == nullptr) {
        throw std::invalid_argument(fmt::format("$ref {} leads nowhere", reference));
    }
    return *found;
}

std::wstring characters_of(std::string_view text) {
    std::wstring characters;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0) == 0x80) {
            if (characters.empty()) {
                throw std::invalid_argument("this is no UTF-8");
            }
            characters.back() = (characters.back() << 6) | (byte & 0x3f);
        } else {
            const int lead = byte < 0x80 ? 0x7f : byte < 0xe0 ? 0x1f : byte < 0xf0 ? 0x0f : 0x07;
            characters.push_back(static_cast<wchar_t>(byte & lead));
        }
    }
    return characters;
}

}  // namespace bookstore::test
