# Writes OUT: every ROOT/<source>/<number>_<name>.sql as a C++ table, with its SHA-256. ROOTS are by comma; no two have
# the same source.
string(REPLACE "," ";" roots ${ROOTS})
set(rows "")
foreach(root ${roots})
file(GLOB files RELATIVE ${root} ${root}/*/*.sql)
list(SORT files)
foreach(file ${files})
    if(NOT file MATCHES "^([a-z_]+)/([0-9][0-9][0-9][0-9])_([a-z0-9_]+)\\.sql$")
        message(FATAL_ERROR "migrations/${file}: not <source>/NNNN_<name>.sql")
    endif()
    set(source ${CMAKE_MATCH_1})
    set(digits ${CMAKE_MATCH_2})
    set(name ${CMAKE_MATCH_3})
    math(EXPR number "1${digits} - 10000")
    file(READ ${root}/${file} text)
    file(SHA256 ${root}/${file} hash)
    string(APPEND rows "    {\"${source}\", ${number}, \"${name}\", \"${hash}\", R\"~~sql(${text})~~sql\"},\n")
endforeach()
endforeach()
file(WRITE ${OUT}.new "// Made by cmake/embed_migrations.cmake.
#include \"storage/migrations.hpp\"

namespace bookstore::storage {
namespace {
constexpr Migration rows[] = {
${rows}};
}  // namespace

std::span<const Migration> embedded_migrations() { return rows; }

}  // namespace bookstore::storage
")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUT}.new)
file(TOUCH_NOCREATE ${OUT})
