#pragma once

#include <span>
#include <string_view>

namespace bookstore::operations {

/// A file of web/, compiled in.
struct WebFile {
    std::string_view name;        ///< below web/: "docs.css"
    std::string_view media_type;  ///< with its charset
    std::string_view etag;        ///< of its bytes, in its quotes
    std::string_view bytes;
};

/// All files of web/ that were compiled in.
std::span<const WebFile> web_files();

/// The one of that name; throws std::logic_error when there is none: names are ours, not clients'.
const WebFile& web_file(std::string_view name);

}  // namespace bookstore::operations
