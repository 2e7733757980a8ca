#pragma once

#include <string>

namespace bookstore::test {

/// A data directory as the first release made it, empty, for a bookstore that has to migrate it.
void make_old_files(const std::string& data_dir);

}  // namespace bookstore::test
