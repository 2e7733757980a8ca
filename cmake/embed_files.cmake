# Writes OUT: the files NAMES (separated by commas) of ROOT as a C++ table, byte for byte, each with
# its media type and an ETag made of its SHA-256.
set(type_html "text/html;charset=UTF-8")
set(type_css "text/css;charset=UTF-8")
set(type_js "text/javascript;charset=UTF-8")
set(type_json "application/json;charset=UTF-8")
set(type_svg "image/svg+xml")
set(type_png "image/png")

string(REPLACE "," ";" names "${NAMES}")
set(rows "")
foreach(name ${names})
    string(REGEX MATCH "[a-z]+$" extension ${name})
    if(NOT DEFINED type_${extension})
        message(FATAL_ERROR "${name}: cmake/embed_files.cmake knows no media type for it")
    endif()
    # Escapes alone: a text would have to avoid what ends a literal, and could hold no NUL.
    file(READ ${ROOT}/${name} bytes HEX)
    string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${bytes}")
    file(SHA256 ${ROOT}/${name} hash)
    string(SUBSTRING ${hash} 0 32 hash)
    string(APPEND rows "    {\"${name}\", \"${type_${extension}}\", R\"(\"${hash}\")\", \"${bytes}\"sv},\n")
endforeach()
file(WRITE ${OUT}.new "// Made by cmake/embed_files.cmake.
#include \"operations/web_files.hpp\"

namespace bookstore::operations {
namespace {
using namespace std::literals;
constexpr WebFile files[] = {
${rows}};
}  // namespace

std::span<const WebFile> web_files() { return files; }

}  // namespace bookstore::operations
")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUT}.new)
file(TOUCH_NOCREATE ${OUT})
