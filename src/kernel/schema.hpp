#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json.hpp"
#include "kernel/fields.hpp"
#include "kernel/operation.hpp"

// JSON Schemas as values.

namespace bookstore::kernel {

/// The JSON Schema of a field as it is shown, in a resource or in an event.
boost::json::object shown_schema(const FieldSpec& field);

/// The words that a field may have.
boost::json::array words_of(const FieldSpec& field);

/// One of the document's own schemas: "Order"
Schema schema_named(std::string_view name);
/// A text, by a pattern unless that is empty.
Schema text_schema(std::string_view pattern = {});
/// One of some words; the one that stands for none unless that is empty.
Schema words_schema(std::span<const std::string> words, std::string_view otherwise = {});
/// A whole number up to 2^53-1.
Schema integer_schema(std::int64_t least);
Schema integer_schema(std::int64_t least, std::int64_t otherwise);
/// A whole number, or another one, from 0.
Schema count_schema();
Schema number_schema();
Schema boolean_schema();
Schema date_time_schema();
Schema or_null(const Schema& schema);
Schema list_of(const Schema& element);
/// An object whose members have any name.
Schema named_values(const Schema& value);
/// An object that has these members, whatever they are.
Schema object_with(std::initializer_list<std::string_view> required);

struct MemberSchema {
    std::string_view name;
    bool required;
    Schema schema;
};
Schema object_schema(const std::vector<MemberSchema>& members);

namespace detail {

/// A type that knows its own: LinkMap.
template <class T>
concept OwnSchema = requires { T::schema(); };

template <class T>
struct SchemaOf;
template <OwnSchema T>
struct SchemaOf<T> {
    static Schema make() { return T::schema(); }
};
template <>
struct SchemaOf<std::int64_t> {
    static Schema make() { return count_schema(); }
};
template <>
struct SchemaOf<bool> {
    static Schema make() { return boolean_schema(); }
};
template <>
struct SchemaOf<std::string> {
    static Schema make() { return text_schema(); }
};
template <>
struct SchemaOf<json::Timestamp> {
    static Schema make() { return date_time_schema(); }
};
template <>
struct SchemaOf<json::Thousandths> {
    static Schema make() { return number_schema(); }
};
template <Worded E>
struct SchemaOf<E> {
    static Schema make() {
        const auto& words = words_of(E{});
        return words_schema(std::vector<std::string>(words.begin(), words.end()));
    }
};
template <class T>
struct SchemaOf<std::optional<T>> {
    static Schema make() { return or_null(SchemaOf<T>::make()); }
};
template <class T>
struct SchemaOf<json::Omittable<T>> : SchemaOf<T> {};
template <class T>
struct SchemaOf<std::vector<T>> {
    static Schema make() { return list_of(SchemaOf<T>::make()); }
};
template <class T>
struct SchemaOf<json::Named<T>> {
    static Schema make() { return named_values(SchemaOf<T>::make()); }
};
template <json::Described T>
    requires(!OwnSchema<T>)
struct SchemaOf<T> {
    static Schema make() {
        std::vector<MemberSchema> members;
        json::for_each_field(T{}, [&](std::string_view name, const auto& value) {
            using M = std::remove_cvref_t<decltype(value)>;
            members.push_back({name, !json::detail::is_omittable<M>, SchemaOf<M>::make()});
        });
        return object_schema(members);
    }
};

}  // namespace detail

/// The schema of what json::append writes of a T: the members of a described struct are required
/// unless they are json::Omittable.
template <class T>
Schema schema_of() {
    return detail::SchemaOf<T>::make();
}

}  // namespace bookstore::kernel
