#include "app/contexts.hpp"
#include "coupon/module.hpp"
#include "tools/cli.hpp"

// The bookstore with one context more. In src/ it would be a line of app/contexts.cpp.

namespace {

bookstore::host::Contexts contexts(const bookstore::app::ContextOptions& options) {
    auto contexts = bookstore::app::contexts(options);
    contexts.push_back(bookstore::coupon::context());
    return contexts;
}

}  // namespace

int main(int argc, char** argv) {
    return bookstore::tools::run(argc, argv, contexts);
}
