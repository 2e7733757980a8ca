#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

// What the check is told of each context, as data: a context's own part of it is in
// kernel::Context, the rest follows from what it declares. Light, since kernel includes it.

namespace bookstore::check {

struct Fact;
struct Log;
struct Pending;
class Findings;
class SqliteFile;

/// A table whose rows are never removed: their ids are 1, 2, 3, ... without a gap.
struct Table {
    std::string name;   ///< "stock_input"
    std::string shown;  ///< in findings: "stock inputs"
};

/// Events that a context follows, with a cursor in its file.
struct Subscription {
    std::string name;  ///< the cursor's: "my-page"
    std::vector<std::string> types;
};

/// A type of event that a context publishes.
struct PublishedType {
    std::string type;      ///< "Ordered"
    std::string key_kind;  ///< of its key: "order"
};

/// What a context's own check may look at. One thread.
struct ContextView {
    const std::string& context;
    const SqliteFile& file;   ///< the context's
    const SqliteFile& topic;  ///< topic.db
    const Log& log;           ///< what was read of the topic
    const Pending& pending;   ///< of all contexts
    bool at_rest;             ///< nothing may be on its way
    Findings& findings;       ///< what is wrong goes there

    /// Whether what that subscription of this context does about the event must be there: it has
    /// handled it, or the directory is at rest.
    bool handled(std::string_view subscription, const Fact& fact) const;
};

/// Says in the view's findings what is wrong in the context's file.
using OwnCheck = std::function<void(const ContextView& view)>;

/// A context with its file NAME.db.
struct ContextFile {
    std::string name;
    std::vector<Subscription> subscriptions{};
    std::vector<PublishedType> publishes{};
    std::vector<Table> tables{};
    OwnCheck check{};  ///< may be empty
};

}  // namespace bookstore::check
