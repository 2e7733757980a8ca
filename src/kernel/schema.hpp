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

// JSON Schemas as values, in the shapes that generators of clients take: a "type" is one word, what
// may be null says so beside it (anyOf), a number that may exceed 32 bits says so (format), and an
// object has a name.

namespace bookstore::kernel {

/// The JSON Schema of a field as it is shown, in a resource or in an event.
boost::json::object shown_schema(const FieldSpec& field);

/// The words that a field may have.
boost::json::array words_of(const FieldSpec& field);

/// An example: the value of a JSON text of our own.
Schema value_of(std::string_view json_text);

/// One of the document's own schemas: "Order"
Schema schema_named(std::string_view name);
/// A text, by a pattern unless that is empty.
Schema text_schema(std::string_view pattern = {});
/// One of some words; the one that stands for none unless that is empty.
Schema words_schema(std::span<const std::string> words, std::string_view otherwise = {});
/// A whole number up to 2^53-1, or to `most`.
Schema integer_schema(std::int64_t least);
Schema integer_schema(std::int64_t least, std::int64_t otherwise);
Schema integer_between(std::int64_t least, std::int64_t most);
/// A whole number, or another one, from 0.
Schema count_schema();
Schema number_schema();
/// An amount of money, in cents at the finest; as a number.
Schema money_schema();
Schema boolean_schema();
Schema date_time_schema();
Schema or_null(const Schema& schema);
Schema list_of(const Schema& element);
/// An object whose members have any name.
Schema named_values(const Schema& value);
/// Any object that has these members, whatever they are.
Schema object_with(std::string_view name, std::initializer_list<std::string_view> required);

struct MemberSchema {
    std::string_view name;
    bool required;
    Schema schema;
};
/// The name stands as its "title", until it is moved to the document's own schemas.
Schema object_schema(std::string_view name, const std::vector<MemberSchema>& members);

/// Adds it; one that differs may not have that name (std::logic_error).
void add_schema(
    std::string_view name, const boost::json::value& schema, boost::json::object& schemas
);

/// Moves every schema below `value` that has a "title" to `schemas`, and leaves a reference.
void move_named_schemas(boost::json::value& value, boost::json::object& schemas);

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
        return object_schema(T::schema_name, members);
    }
};

}  // namespace detail

/// The schema of what json::append writes of a T: the members of a described struct are required
/// unless they are json::Omittable. Such a struct says its T::schema_name.
template <class T>
Schema schema_of() {
    return detail::SchemaOf<T>::make();
}

}  // namespace bookstore::kernel
