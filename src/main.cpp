#include "app/cli.hpp"

int main(int argc, char** argv) {
    return bookstore::app::run(argc, argv);
}
