#pragma once

#include <string>

namespace bookstore::bench {

struct PagesOptions {
    std::string url = "http://127.0.0.1:8080";
    std::string data_dir;  ///< of the server: what its answers must be is read there
    int requests = 100;    ///< of each page
};

/// Asks for pages of everything that /openapi.json says can be listed, in every sort that it
/// offers, and for items, over one connection; prints a line each, fields apart by tabs:
///
///     listing  place  p50  p99  max  target
///
/// times in ms. Every answer is held against what SQL says. Throws std::runtime_error at the first
/// wrong one.
void measure_pages(const PagesOptions& options);

}  // namespace bookstore::bench
