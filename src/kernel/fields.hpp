#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.hpp"
#include "http/message.hpp"

// Field tables: what a request body may hold, read tolerantly (numbers may come as JSON strings,
// unknown fields are ignored), with every error at once. The same tables describe the API.

namespace bookstore::kernel {

constexpr std::int64_t max_integer = (std::int64_t{1} << 53) - 1;  ///< exact in every JSON reader
constexpr std::size_t max_text_characters = 255;

enum class FieldKind { integer, money, text, word };

struct FieldSpec {
    std::string name{};
    FieldKind kind = FieldKind::text;
    bool required = true;
    std::int64_t minimum = 0;               ///< integer
    std::vector<std::string_view> words{};  ///< word: the ones allowed
};

namespace detail {

/// A body's value for one field: null pointer when it is missing.
using Value = const boost::json::value*;
using Error = std::optional<http::FieldError>;

Error read(const FieldSpec& spec, Value value, std::int64_t& into);
Error read(const FieldSpec& spec, Value value, Money& into);
Error read(const FieldSpec& spec, Value value, std::string& into);
/// Missing and null are the same: nothing.
bool absent(Value value);

template <class T>
Error read(const FieldSpec& spec, Value value, std::optional<T>& into) {
    if (absent(value)) {
        into.reset();
        return std::nullopt;
    }
    T read_value{};
    Error error = read(spec, value, read_value);
    if (!error) {
        into = std::move(read_value);
    }
    return error;
}

/// Hands the body's value of each field on; a Problem when the body is no JSON object, or with all
/// that `each` returned. With `present_only`, fields that the body lacks are passed over.
std::optional<http::Problem> for_each_value(
    std::string_view body,
    const std::vector<FieldSpec>& specs,
    bool present_only,
    const std::function<Error(std::size_t index, Value value)>& each
);

}  // namespace detail

/// The field table of a body that is read into a T. A member that is optional may be missing.
template <class T>
class Fields {
  public:
    Fields& integer(std::string name, std::int64_t T::* member, std::int64_t minimum) {
        return add(
            {.name = std::move(name), .kind = FieldKind::integer, .minimum = minimum}, member
        );
    }
    Fields& text(std::string name, std::string T::* member) {
        return add({.name = std::move(name), .kind = FieldKind::text}, member);
    }
    Fields& text(std::string name, std::optional<std::string> T::* member) {
        return add({.name = std::move(name), .kind = FieldKind::text, .required = false}, member);
    }
    Fields& money(std::string name, std::optional<Money> T::* member) {
        return add({.name = std::move(name), .kind = FieldKind::money, .required = false}, member);
    }
    Fields& word(std::string name, std::string T::* member, std::vector<std::string_view> words) {
        return add(
            {.name = std::move(name), .kind = FieldKind::word, .words = std::move(words)}, member
        );
    }

    const std::vector<FieldSpec>& specs() const { return specs_; }

    /// POST and PUT: a whole T, or every error of the body.
    std::expected<T, http::Problem> read(const http::Request& request) const {
        T result{};
        auto problem = apply(request, false, result);
        if (problem) {
            return std::unexpected(std::move(*problem));
        }
        return result;
    }

    /// PUT: every field, over what stands in `target`.
    std::optional<http::Problem> replace(const http::Request& request, T& target) const {
        return apply(request, false, target);
    }

    /// PATCH (RFC 7396): the fields that the body has, over what stands in `target`.
    std::optional<http::Problem> patch(const http::Request& request, T& target) const {
        return apply(request, true, target);
    }

  private:
    using Set = std::function<detail::Error(const FieldSpec&, detail::Value, T&)>;

    template <class M>
    Fields& add(FieldSpec spec, M T::* member) {
        specs_.push_back(std::move(spec));
        set_.push_back([member](const FieldSpec& field, detail::Value value, T& into) {
            return detail::read(field, value, into.*member);
        });
        return *this;
    }

    std::optional<http::Problem> apply(const http::Request& request, bool present_only, T& into)
        const {
        return detail::for_each_value(
            request.body,
            specs_,
            present_only,
            [&](std::size_t i, detail::Value value) { return set_[i](specs_[i], value, into); }
        );
    }

    std::vector<FieldSpec> specs_;
    std::vector<Set> set_;
};

/// A whole number from `minimum` to 2^53-1 in plain digits; nothing for any other text.
std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t minimum = 0);

/// Why this text must not be stored: not UTF-8, a control character, blank, too long; nothing if it
/// may. Lengths count characters, not bytes.
std::optional<std::string> text_fault(std::string_view text);

/// The id in the path's first capture; a Problem (400) when it is none.
std::expected<std::int64_t, http::Problem> path_id(const http::Request& request);
/// The id in a finder's query parameter; a Problem (400) when it is missing or is none.
std::expected<std::int64_t, http::Problem> query_id(
    const http::Request& request, std::string_view name
);

}  // namespace bookstore::kernel
