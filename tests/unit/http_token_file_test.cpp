#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "http/token_file.hpp"
#include "support/eventually.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {
namespace {

void put(const std::string& path, std::string_view text) {
    std::ofstream(path + ".new", std::ios::binary) << text;
    std::filesystem::rename(path + ".new", path);
}

}  // namespace

TEST_CASE("a token is what is in its file but for blanks around it, and nothing else") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/token";
    CHECK_THROWS(http::TokenFile(path));
    for (const std::string_view bad :
         {"", " \n", "a b", "a\r\nX-Evil: 1", "a\tb", "a\"b", "\xEA\xB0\x80", "a,b"}) {
        put(path, bad);
        CHECK_THROWS(http::TokenFile(path));
    }
    put(path, std::string(10'000, 'a'));
    CHECK_THROWS(http::TokenFile(path));
    for (const std::string_view good : {"a.b-c_d~e+f/g=", " a.b-c_d~e+f/g=\r\n"}) {
        put(path, good);
        http::TokenFile file(path);
        CHECK_EQ(file.header().name, "Authorization");
        CHECK_EQ(file.header().value, "Bearer a.b-c_d~e+f/g=");
    }
}

TEST_CASE("a token that is renewed is taken up, and the last one stays while there is none") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/token";
    put(path, "first");
    http::TokenFile file(path);
    put(path, "second");
    CHECK(eventually([&] { return file.header().value == "Bearer second"; }));
    put(path, "no token");
    CHECK_FALSE(
        eventually([&] { return file.header().value != "Bearer second"; }, std::chrono::seconds(2))
    );
    std::filesystem::remove(path);
    put(path, "third");
    CHECK(eventually([&] { return file.header().value == "Bearer third"; }));
}

}  // namespace bookstore::test
