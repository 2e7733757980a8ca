#pragma once

#include <string>

#include "past.hpp"

namespace bookstore::bench {

/// Makes a data directory as that past would have left it: the schema by the program's own
/// migrations, the rows by SQL. On disk when it returns. Throws storage::Refused when the directory
/// is not empty, storage::Error; what it left then is of no use.
void fill(const std::string& data_dir, const Past& past);

}  // namespace bookstore::bench
