#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/event.hpp"
#include "bus/identity_map.hpp"
#include "bus/parse.hpp"
#include "bus/unit_of_work.hpp"

namespace bookstore::bus {

/// What a subscription does, as it is declared: for each type of event a policy, with the sentence
/// that the board shows. "Whenever Ordered, take stock or wait."
class Policies {
  public:
    using Handle = std::function<void(const Envelope& event, UnitOfWork& work)>;
    struct Policy {
        std::string type;      ///< of the event
        std::string sentence;  ///< what is done then, without its subject: "take stock or wait"
        Effect effect = Effect::durable;
        Handle handle;
    };

    /// `subscription` names the cursor, for ever: it is in the file.
    explicit Policies(std::string subscription) : subscription_(std::move(subscription)) {}

    /// Whenever E comes: handler(const E&, UnitOfWork&). One that throws is rolled back and its
    /// event held. There is one policy for a type.
    template <Event E, class F>
    Policies& whenever(std::string_view sentence, Effect effect, F handler) {
        add(
            {.type = std::string(E::event_type),
             .sentence = std::string(sentence),
             .effect = effect,
             .handle = [handler = std::move(handler)](
                           const Envelope& event, UnitOfWork& work
                       ) { handler(*event_in<E>(event), work); }}
        );
        return *this;
    }
    /// The handlers keep rows there: they are flushed before each commit.
    Policies& keep_rows_in(std::shared_ptr<IdentityMap> rows) {
        rows_ = std::move(rows);
        return *this;
    }

    const std::string& subscription() const { return subscription_; }
    const std::vector<Policy>& all() const { return policies_; }
    /// Null when no policy is for that type.
    const Policy* find(std::string_view type) const;
    Types types() const;
    const std::shared_ptr<IdentityMap>& rows() const { return rows_; }

  private:
    void add(Policy policy);

    std::string subscription_;
    std::vector<Policy> policies_;
    std::shared_ptr<IdentityMap> rows_;  ///< may be null
};

}  // namespace bookstore::bus
