#pragma once

#include <string_view>

#include "http/roles.hpp"

namespace bookstore::http {

/// Whom a route is for. It has no default: a route that does not say it does not compile. Who asks
/// is known by the listener that was reached (Door) and, where there is an authentication, by the
/// roles of his token, of which he needs one.
class Audience {
  public:
    enum Kind {
        probes,          ///< what orchestrators and balancers ask; it tells nobody anything else
        everybody,       ///< what describes the shop, and what it shows to passers-by
        operators,       ///< what tells of the process, or changes how it runs
        operators_pages  ///< the files of their web page, which tell nothing: a browser has no
                         ///< token
    };
    constexpr Audience(Kind kind)
        : roles_(kind == operators ? Roles(Role::operators) : Roles()),
          operators_alone_(kind == operators || kind == operators_pages),
          probes_(kind == probes) {}
    /// The shop's, for who has one of them.
    constexpr Audience(Roles roles) : roles_(roles) {}
    constexpr Audience(Role role) : roles_(role) {}

    /// Empty: nobody needs a token.
    constexpr Roles roles() const { return roles_; }
    /// Whether it is at the operators' listener alone, where there is one.
    constexpr bool is_operators_alone() const { return operators_alone_; }
    constexpr bool is_probes() const { return probes_; }

  private:
    Roles roles_;
    bool operators_alone_ = false;
    bool probes_ = false;
};

/// The listener that a request came to.
enum class Door {
    only,       ///< there is one: everything is behind it
    customers,  ///< operators have another
    operators   ///< theirs: everything is behind it
};

}  // namespace bookstore::http
