#pragma once

#include <string_view>

namespace bookstore::http {

/// Whom a route is for. It has no default: a route that does not say it does not compile. Who asks
/// is known by the listener that was reached (Door); when there is an authentication, its roles are
/// asked for here.
class Audience {
  public:
    enum Kind {
        probes,     ///< what orchestrators and balancers ask; it tells nobody anything else
        customers,  ///< the shop, and what describes it
        operators   ///< what tells of the process, or changes how it runs
    };
    constexpr Audience(Kind kind) : kind_(kind) {}

    constexpr Kind kind() const { return kind_; }
    /// Whether it is at the operators' listener alone, where there is one.
    constexpr bool is_operators_alone() const { return kind_ == operators; }

  private:
    Kind kind_;
};

/// The listener that a request came to.
enum class Door {
    only,       ///< there is one: everything is behind it
    customers,  ///< operators have another
    operators   ///< theirs: everything is behind it
};

}  // namespace bookstore::http
