#pragma once

#include <string>

namespace bookstore::tools {

struct ModulesOptions {
    std::string action;  ///< stop or start; empty: lists them
    std::string name;
    std::string url;
};

/// Prints the contexts as a table, after one of them was stopped or started if that is asked for.
/// Returns the exit status.
int modules(const ModulesOptions& options);

struct ParkedOptions {
    std::string action;  ///< list, retry or skip
    std::string id;      ///< retry, skip: one event; empty: all of `module`
    std::string module;  ///< list: its alone, if given
    bool parked_only = false;
    std::string reason;  ///< skip: why
    std::string url;
};

/// Lists, retries or skips events that a context could not handle. Returns the exit status.
int parked(const ParkedOptions& options);

}  // namespace bookstore::tools
