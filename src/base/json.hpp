#pragma once

#include <array>
#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/money.hpp"
#include "base/text.hpp"
#include "base/words.hpp"

// Writing JSON from described structs. (Boost.JSON's serializer writes every double in E notation,
// and the contract's money is exact decimal.) Reading is Boost.JSON's.

namespace bookstore::json {

/// Appends the text as a JSON string, quoted and escaped. It must be UTF-8.
void append(std::string& out, std::string_view text);
/// As append, of bytes of a client's choosing: those that are not UTF-8 become U+FFFD.
void append_untrusted(std::string& out, std::string_view text);
void append(std::string& out, std::int64_t number);
void append(std::string& out, bool value);
void append(std::string& out, Money money);
inline void append(std::string& out, const std::string& text) {
    append(out, std::string_view(text));
}
inline void append(std::string& out, const char* text) {
    append(out, std::string_view(text));
}
inline void append(std::string& out, std::nullopt_t) {
    out += "null";
}
template <Worded E>
void append(std::string& out, E value) {
    append(out, word(value));
}
template <class T>
void append(std::string& out, const std::optional<T>& value) {
    if (value) {
        append(out, *value);
    } else {
        out += "null";
    }
}

namespace detail {

template <std::size_t N>
struct Name {
    std::array<char, N + 1> text{};
    std::size_t size = 0;
    constexpr std::string_view view() const { return {text.data(), size}; }
};

/// order_id -> orderId: our members are snake_case, the contract's fields are not.
template <std::size_t N>
constexpr Name<N> camel_case(const char (&name)[N]) {
    Name<N> result;
    bool upper = false;
    for (std::size_t i = 0; i + 1 < N; ++i) {
        if (name[i] == '_') {
            upper = true;
            continue;
        }
        result.text[result.size++] =
            upper && name[i] >= 'a' ? static_cast<char>(name[i] - 'a' + 'A') : name[i];
        upper = false;
    }
    return result;
}

constexpr std::size_t length(const char* text) {
    std::size_t n = 0;
    while (text[n] != '\0') {
        ++n;
    }
    return n;
}

template <class D>
struct FieldName {
    static constexpr std::size_t size = length(D::name) + 1;
    static constexpr auto make() {
        char copy[size] = {};
        for (std::size_t i = 0; i < size; ++i) {
            copy[i] = D::name[i];
        }
        return camel_case(copy);
    }
    static constexpr auto value = make();
};

}  // namespace detail

template <class T>
using Members = boost::describe::
    describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

/// Calls f(name, value) for every described member, in order; name is the contract's.
template <class T, class F>
void for_each_field(T&& object, F&& f) {
    boost::mp11::mp_for_each<Members<std::remove_cvref_t<T>>>([&](auto member) {
        using D = decltype(member);
        f(detail::FieldName<D>::value.view(), object.*D::pointer);
    });
}

/// Appends `"a":1,"b":null` for the members of a described struct, without braces.
template <class T>
void append_fields(std::string& out, const T& object) {
    boost::mp11::mp_for_each<boost::mp11::mp_iota<boost::mp11::mp_size<Members<T>>>>([&](auto i) {
        using D = boost::mp11::mp_at<Members<T>, decltype(i)>;
        const std::string_view name = detail::FieldName<D>::value.view();
        if constexpr (i == 0) {
            append_all(out, "\"", name, "\":");
        } else {
            append_all(out, ",\"", name, "\":");
        }
        append(out, object.*D::pointer);
    });
}

}  // namespace bookstore::json
