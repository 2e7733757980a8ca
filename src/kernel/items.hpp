#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/conditional.hpp"
#include "kernel/hal.hpp"
#include "kernel/paging.hpp"

// The items of a collection: how they are read and shown.

namespace bookstore::kernel {

/// What of a customer's a request selects: his own alone, where that is all that who asks may see.
inline constexpr std::string_view owner_parameter = "customerId";

/// Whether what is that customer's (0: of one whom nobody knows) is not there for who asks.
inline bool is_hidden(const http::Request& request, std::int64_t owner) {
    return request.customer != 0 && request.customer != owner;
}
/// 403: who asks makes nothing of that customer's.
http::Problem not_his(const http::Request& request, std::int64_t owner);

/// What the routes of a collection need of its items. T is described, and has its `id`.
template <class T>
struct Items {
    T (*read)(storage::Statement& row);  ///< from a row of its pages
    std::optional<T> (*find)(storage::Connection& db, std::int64_t id);
    Links (*links)(const T& item) = nullptr;
    /// The customer whose it is; null where items are nobody's: customers do not see them.
    std::int64_t (*owner)(const T& item) = nullptr;
    std::vector<std::string> rels{};  ///< every relation that `links` may give
    T example;                        ///< for the API's description
};

/// Shows a collection's items. Both outlive it.
template <class T>
struct ItemView {
    const Resource& resource;
    const Items<T>& items;

    Links links_of(const T& item) const {
        return items.links == nullptr ? Links() : items.links(item);
    }
    std::int64_t owner_of(const T& item) const {
        return items.owner == nullptr ? 0 : items.owner(item);
    }
    bool hides(const http::Request& request, const T& item) const {
        return is_hidden(request, owner_of(item));
    }
    /// The item of that id, if it is there for who asks.
    std::optional<T> find(const http::Request& request, storage::Connection& db, std::int64_t id)
        const {
        auto item = items.find(db, id);
        return item && hides(request, *item) ? std::nullopt : std::move(item);
    }
    http::Response shown(const http::Request& request, const T& item, int status = 200) const {
        return item_response(request, resource, item.id, item, links_of(item), status);
    }
    /// Reads a row of the collection's pages and adds it.
    AddRow add_row() const {
        return [view = *this](CollectionWriter& writer, storage::Statement& row) {
            const T item = view.items.read(row);
            writer.add(item.id, item, view.links_of(item));
        };
    }
    /// Why a request that holds for another version of the item must not change it.
    std::optional<http::Problem> stale(const http::Request& request, const T& item) const {
        return is_conditional(request) ? precondition_problem(request, tag_of(item, links_of(item)))
                                       : std::nullopt;
    }
};

}  // namespace bookstore::kernel
