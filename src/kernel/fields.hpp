#pragma once

#include <boost/json/fwd.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/money.hpp"
#include "base/words.hpp"
#include "http/message.hpp"

// Field tables: what a request body may hold, read tolerantly (numbers may come as JSON strings,
// unknown fields are ignored), with every error at once. The same tables describe the API.

namespace bookstore::kernel {

constexpr std::int64_t max_integer = (std::int64_t{1} << 53) - 1;  ///< exact in every JSON reader
constexpr std::size_t max_text_characters = 255;

enum class FieldKind { integer, money, text, word };

/// A field of a body that is read, or of a resource that is shown.
struct FieldSpec {
    std::string name{};
    FieldKind kind = FieldKind::text;
    bool required = true;                   ///< else it may be missing or null
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

template <Worded E>
Error read(const FieldSpec& spec, Value value, E& into) {
    std::string text;
    Error error = read(spec, value, text);
    if (!error) {
        into = parse_word<E>(text).value();
    }
    return error;
}

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
    const http::Request& request,
    const std::vector<FieldSpec>& specs,
    bool present_only,
    const std::function<Error(std::size_t index, Value value)>& each
);

}  // namespace detail

template <class T>
class Fields;

/// What a PUT or PATCH makes of a T: the fields that its body held, read and found good.
template <class T>
class Changes {
  public:
    /// Leaves alone what the body did not hold.
    void apply(T& target) const {
        for (const std::size_t i : present_) {
            fields_->copy_[i](values_, target);
        }
    }

  private:
    friend class Fields<T>;
    explicit Changes(const Fields<T>& fields) : fields_(&fields) {}

    const Fields<T>* fields_;
    T values_{};
    std::vector<std::size_t> present_;
};

/// The field table of a body that is read into a T. A member that is optional may be missing.
/// It outlives the Changes that it made.
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
    /// One of some words of an enum.
    template <Worded E>
    Fields& word(std::string name, E T::* member, std::vector<std::string_view> words) {
        return add(
            {.name = std::move(name), .kind = FieldKind::word, .words = std::move(words)}, member
        );
    }

    const std::vector<FieldSpec>& specs() const { return specs_; }

    /// POST: a whole T, or every error of the body.
    std::expected<T, http::Problem> read(const http::Request& request) const {
        auto changes = read_changes(request, false);
        if (!changes) {
            return std::unexpected(std::move(changes.error()));
        }
        return std::move(changes->values_);
    }

    /// PUT: every field, what is missing and may be becoming null; or every error of the body.
    std::expected<Changes<T>, http::Problem> replacement(const http::Request& request) const {
        return read_changes(request, false);
    }

    /// PATCH (RFC 7396): the fields that the body has; or every error of the body.
    std::expected<Changes<T>, http::Problem> merge_patch(const http::Request& request) const {
        return read_changes(request, true);
    }

  private:
    friend class Changes<T>;
    using Set = std::function<detail::Error(const FieldSpec&, detail::Value, T&)>;
    using Copy = std::function<void(const T& from, T& into)>;

    template <class M>
    Fields& add(FieldSpec spec, M T::* member) {
        specs_.push_back(std::move(spec));
        set_.push_back([member](const FieldSpec& field, detail::Value value, T& into) {
            return detail::read(field, value, into.*member);
        });
        copy_.push_back([member](const T& from, T& into) { into.*member = from.*member; });
        return *this;
    }

    std::expected<Changes<T>, http::Problem> read_changes(
        const http::Request& request, bool present_only
    ) const {
        Changes<T> changes(*this);
        auto problem = detail::for_each_value(
            request,
            specs_,
            present_only,
            [&](std::size_t i, detail::Value value) {
                changes.present_.push_back(i);
                return set_[i](specs_[i], value, changes.values_);
            }
        );
        if (problem) {
            return std::unexpected(std::move(*problem));
        }
        return changes;
    }

    std::vector<FieldSpec> specs_;
    std::vector<Set> set_;
    std::vector<Copy> copy_;
};

namespace detail {

template <class M>
struct FieldType;
template <>
struct FieldType<std::int64_t> {
    static FieldSpec spec() { return {.kind = FieldKind::integer}; }
};
template <>
struct FieldType<Money> {
    static FieldSpec spec() { return {.kind = FieldKind::money}; }
};
template <>
struct FieldType<std::string> {
    static FieldSpec spec() { return {.kind = FieldKind::text}; }
};
template <Worded E>
struct FieldType<E> {
    static FieldSpec spec() {
        const auto& words = words_of(E{});
        return {.kind = FieldKind::word, .words = {words.begin(), words.end()}};
    }
};
template <class M>
struct FieldType<std::optional<M>> {
    static FieldSpec spec() {
        FieldSpec spec = FieldType<M>::spec();
        spec.required = false;
        return spec;
    }
};

}  // namespace detail

/// The fields that a described T is shown with, in order.
template <class T>
std::vector<FieldSpec> shown_fields() {
    std::vector<FieldSpec> specs;
    json::for_each_field(T{}, [&](std::string_view name, const auto& value) {
        FieldSpec spec = detail::FieldType<std::remove_cvref_t<decltype(value)>>::spec();
        spec.name = name;
        specs.push_back(std::move(spec));
    });
    return specs;
}

/// A whole number from `minimum` to 2^53-1 in plain digits; nothing for any other text.
std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t minimum = 0);

/// Why this text must not be stored: not UTF-8, a control character, blank, too long; nothing if it
/// may. Lengths count characters, not bytes.
std::optional<std::string> text_fault(std::string_view text);

/// The id in the path's first capture; a Problem (400) when it is none.
std::expected<std::int64_t, http::Problem> path_id(const http::Request& request);
/// The only value of that query parameter, if it has one; a Problem (400) when it is there twice.
std::expected<std::optional<std::string_view>, http::Problem> query_text(
    const http::Request& request, std::string_view name
);
/// 400 over a query parameter, as a field error too. `message` goes on after its name.
http::Problem bad_parameter(
    std::string_view name, std::optional<std::string_view> value, std::string message
);
/// The id in a finder's query parameter; a Problem (400) when it is missing or is none.
std::expected<std::int64_t, http::Problem> query_id(
    const http::Request& request, std::string_view name
);

}  // namespace bookstore::kernel
