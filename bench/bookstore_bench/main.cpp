// bookstore-bench: makes data directories of any size, and measures pages of what is in them.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>

#include "fill.hpp"
#include "pages.hpp"

namespace {

using namespace bookstore::bench;

constexpr std::int64_t most_rows = 100'000'000;

void add_fill(CLI::App& app, std::string& data_dir, Size& size) {
    auto& fill = *app.add_subcommand("fill", "Makes a data directory with so many settled orders");
    fill.add_option("--data-dir", data_dir, "New or empty")->required();
    fill.add_option("--orders", size.orders)
        ->required()
        ->check(CLI::Range(std::int64_t{0}, most_rows));
    fill.add_option("--customers", size.customers)
        ->capture_default_str()
        ->check(CLI::Range(std::int64_t{1}, most_rows));
    fill.add_option("--books", size.books, "Each with a stock input")
        ->capture_default_str()
        ->check(CLI::Range(std::int64_t{1}, most_rows));
    fill.add_option("--big-customer-share", size.big_customer_share, "Of the orders, customer 1's")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 1.0));
    fill.add_option("--deleted-share", size.deleted_share, "Of the customers and of the books")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 1.0));
    fill.callback([&] {
        const auto start = std::chrono::steady_clock::now();
        bookstore::bench::fill(data_dir, Past(size));
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        fmt::print(
            "filled with {} orders, {} customers and {} books in {:.1f} s\n",
            size.orders,
            size.customers,
            size.books,
            took.count()
        );
    });
}

void add_pages(CLI::App& app, PagesOptions& options) {
    auto& pages = *app.add_subcommand("pages", "Measures pages of everything that can be listed");
    pages.add_option("--url", options.url, "Of the server")->capture_default_str();
    pages.add_option("--data-dir", options.data_dir, "Of the server: what it must answer")
        ->required();
    pages.add_option("--requests", options.requests, "For each page")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    pages.callback([&] { measure_pages(options); });
}

}  // namespace

int main(int argc, char** argv) {
    std::string data_dir;
    Size size;
    PagesOptions options;
    CLI::App app("Makes data directories of any size, and measures pages of what is in them");
    app.require_subcommand(1);
    add_fill(app, data_dir, size);
    add_pages(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bookstore-bench: {}\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
