#pragma once

#include <boost/json/fwd.hpp>

#include "kernel/fields.hpp"

namespace bookstore::kernel {

/// The JSON Schema of a field as it is shown, in a resource or in an event.
boost::json::object shown_schema(const FieldSpec& field);

/// The words that a field may have.
boost::json::array words_of(const FieldSpec& field);

}  // namespace bookstore::kernel
