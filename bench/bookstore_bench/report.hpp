#pragma once

#include <string>

namespace bookstore::bench {

struct ReportOptions {
    /// Lines, apart by tabs: `machine TEXT`, `command TEXT`, `figure SIZE RUN NAME VALUE`,
    /// `point SIZE RUN CURVE X Y`. SIZE is `small` or `large` (orders that were there before), or
    /// `-` where a figure has a data directory of its own.
    std::string results;
    std::string document;  ///< Markdown; what stands between its markers is replaced
    std::string data_dir;  ///< where the plots' data go, a file each
};

/// Prints the figures as Markdown: medians, the least and the most, and whether a goal was met.
/// `<!-- bench:NAME -->` to `<!-- /bench:NAME -->` of the document holds the section of that name
/// (machine, figures, growth, log, disk, commands); everything else in it stays as it is. Throws
/// std::runtime_error when a file cannot be read or a marker is missing.
void write_report(const ReportOptions& options);

}  // namespace bookstore::bench
