#include "app/contexts.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
    return bookstore::tools::run(argc, argv, bookstore::app::contexts);
}
