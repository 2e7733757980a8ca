#pragma once

#include <array>
#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/money.hpp"
#include "base/text.hpp"
#include "base/words.hpp"

// Writing JSON: object, array, member, straight into a text, and described structs by themselves.
// (Boost.JSON's serializer writes every double in E notation, and the contract's money is exact
// decimal.) Reading is Boost.JSON's.

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

/// A struct whose members are described: BOOST_DESCRIBE_STRUCT.
template <class T>
concept Described = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

/// A number with three decimals, kept as a whole number of thousandths, from 0: 1234 is 1.234.
struct Thousandths {
    std::int64_t count = 0;
};
/// A moment, ms since 1970; shown in ISO 8601.
struct Timestamp {
    std::int64_t ms = 0;
};
/// JSON text as it is.
struct Raw {
    std::string_view text;
};
/// A member that is left out when there is no value, where an optional one is null.
template <class T>
struct Omittable : std::optional<T> {
    using std::optional<T>::optional;
};

/// An object whose members are values of one kind, by their names.
template <class T>
struct Named : std::vector<std::pair<std::string, T>> {};

void append(std::string& out, Thousandths number);
void append(std::string& out, Timestamp time);
inline void append(std::string& out, Raw json) {
    out += json.text;
}
template <class T>
void append(std::string& out, const std::vector<T>& list);
template <class T>
void append(std::string& out, const Named<T>& values);
template <Described T>
void append(std::string& out, const T& object);

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
    std::array<char, N> text{};
    std::size_t size = 0;
    constexpr std::string_view view() const { return {text.data(), size}; }
};

/// order_id -> orderId: our members are snake_case, the contract's fields are not. HAL's _links
/// stay what they are.
template <std::size_t N>
constexpr Name<N> camel_case(const char (&name)[N]) {
    Name<N> result;
    bool upper = false;
    for (std::size_t i = 0; i + 1 < N; ++i) {
        if (name[i] == '_' && i > 0) {
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

template <class T, class M>
T class_of(M T::*);

/// A struct whose members are called as the contract calls them says `using exact_names = void`.
template <class D>
concept ExactlyNamed = requires { typename decltype(class_of(D::pointer))::exact_names; };

template <class D>
struct FieldName {
    static constexpr std::size_t size = length(D::name) + 1;
    static constexpr auto make() {
        char copy[size] = {};
        for (std::size_t i = 0; i < size; ++i) {
            copy[i] = D::name[i];
        }
        if constexpr (ExactlyNamed<D>) {
            return Name<size>{std::to_array(copy), size - 1};
        } else {
            return camel_case(copy);
        }
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

namespace detail {

template <class T>
constexpr bool is_omittable = false;
template <class T>
constexpr bool is_omittable<Omittable<T>> = true;

/// Then any member of a T may be the first that is written.
template <class T>
constexpr bool first_is_omittable = [] {
    if constexpr (boost::mp11::mp_empty<Members<T>>::value) {
        return false;
    } else {
        using D = boost::mp11::mp_front<Members<T>>;
        return is_omittable<std::remove_cvref_t<decltype(std::declval<T>().*D::pointer)>>;
    }
}();

/// Nothing was written yet into the object or array that is open. (No value ends so.)
inline bool at_begin(const std::string& out) {
    return out.back() == '{' || out.back() == '[';
}

/// Behind a comma, but for the first.
void append_next(std::string& out, const auto&... texts) {
    if (at_begin(out)) {
        append_all(out, texts...);
    } else {
        append_all(out, ",", texts...);
    }
}

inline void separate(std::string& out) {
    if (!at_begin(out)) {
        out += ',';
    }
}

}  // namespace detail

/// Appends `"a":1,"b":null` for the members of a described struct, without braces.
template <class T>
void append_fields(std::string& out, const T& object) {
    boost::mp11::mp_for_each<boost::mp11::mp_iota<boost::mp11::mp_size<Members<T>>>>([&](auto i) {
        using D = boost::mp11::mp_at<Members<T>, decltype(i)>;
        using M = std::remove_cvref_t<decltype(object.*D::pointer)>;
        const std::string_view name = detail::FieldName<D>::value.view();
        const auto& value = object.*D::pointer;
        if constexpr (detail::is_omittable<M>) {
            if (value) {
                detail::append_next(out, "\"", name, "\":");
                append(out, *value);
            }
        } else {
            if constexpr (i == 0) {
                append_all(out, "\"", name, "\":");
            } else if constexpr (detail::first_is_omittable<T>) {
                detail::append_next(out, "\"", name, "\":");
            } else {
                append_all(out, ",\"", name, "\":");
            }
            append(out, value);
        }
    });
}

class Array;

/// Writes an object: it is closed at the end of its scope, and is written to by nobody while one
/// inside of it is open. Names are ours: they are not escaped.
class Object {
  public:
    explicit Object(std::string& out) : out_(out) { out_ += '{'; }
    ~Object() { out_ += '}'; }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    template <class T>
    Object& member(std::string_view name, const T& value) {
        append(begin(name), value);
        return *this;
    }
    /// Text of a client's choosing: see append_untrusted.
    Object& untrusted(std::string_view name, std::string_view text) {
        append_untrusted(begin(name), text);
        return *this;
    }
    /// Its value is these texts, JSON as they are.
    Object& raw(std::string_view name, const auto&... texts) {
        detail::append_next(out_, "\"", name, "\":", texts...);
        return *this;
    }
    /// The members of a described struct.
    template <Described T>
    Object& fields(const T& described) {
        detail::separate(out_);
        append_fields(out_, described);
        return *this;
    }
    Object object(std::string_view name) { return Object(begin(name)); }
    inline Array array(std::string_view name);

    /// A member whose value is appended next.
    std::string& begin(std::string_view name) {
        detail::append_next(out_, "\"", name, "\":");
        return out_;
    }

  private:
    std::string& out_;
};

/// Writes an array: it is closed at the end of its scope.
class Array {
  public:
    explicit Array(std::string& out) : out_(out) { out_ += '['; }
    ~Array() { out_ += ']'; }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    template <class T>
    Array& element(const T& value) {
        detail::separate(out_);
        append(out_, value);
        return *this;
    }
    Object object() {
        detail::separate(out_);
        return Object(out_);
    }

  private:
    std::string& out_;
};

inline Array Object::array(std::string_view name) {
    return Array(begin(name));
}

template <class T>
void append(std::string& out, const std::vector<T>& list) {
    Array array(out);
    for (const T& each : list) {
        array.element(each);
    }
}

template <class T>
void append(std::string& out, const Named<T>& values) {
    Object object(out);
    for (const auto& [name, value] : values) {
        object.member(name, value);
    }
}

template <Described T>
void append(std::string& out, const T& object) {
    Object(out).fields(object);
}

/// The text of one value.
template <class T>
std::string text_of(const T& value) {
    std::string out;
    append(out, value);
    return out;
}

}  // namespace bookstore::json
