#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/collection_operations.hpp"
#include "kernel/fields.hpp"
#include "kernel/items.hpp"
#include "kernel/module.hpp"
#include "kernel/operation.hpp"
#include "kernel/paging.hpp"
#include "kernel/schema.hpp"

namespace bookstore::kernel {

/// A finder as /<collection>/search lists it.
struct Finder {
    std::string name;        ///< "findByCustomerId"
    std::string parameters;  ///< "{?customerId,page,size,sort}"
};

namespace detail {

Endpoint search_endpoint(const Resource& resource, http::Audience audience);
http::Response search_response(
    const http::Request& request, const Resource& resource, const std::vector<Finder>& finders
);
/// 404: "there is no payment of order 7"
http::Problem none_of(const Resource& resource, std::string_view parameter, std::int64_t id);

}  // namespace detail

/// Whom a collection's routes are for: there is no default.
struct Audiences {
    http::Audience readers;
    http::Audience writers;

    constexpr Audiences(http::Audience reading, http::Audience writing)
        : readers(reading), writers(writing) {}
    /// Of a collection that nobody writes, or whose readers are its writers.
    constexpr Audiences(http::Audience both) : Audiences(both, both) {}
    constexpr Audiences(http::Audience::Kind both) : Audiences(http::Audience(both)) {}
    constexpr Audiences(http::Roles both) : Audiences(http::Audience(both)) {}
    constexpr Audiences(http::Role both) : Audiences(http::Audience(both)) {}
};

/// The routes of one collection, each declared in a line, and described by what declares it.
/// `resource` and `items` outlive the module's routes.
template <class T>
class Collection {
  public:
    /// What was made: the item as it stands, its id included.
    using Create = std::function<std::expected<T, http::Problem>(bus::UnitOfWork&, const T&)>;
    /// The begin of a command that makes an item of a good body; its write answers created().
    using Begin = std::function<Next(const http::Request&, T)>;
    /// Stores what differs; nothing, or why it must not.
    using Change = std::function<
        std::optional<http::Problem>(bus::UnitOfWork&, const T& before, const T& after)>;
    using Remove = std::function<std::optional<http::Problem>(bus::UnitOfWork&, const T& before)>;

    Collection(
        Module& module, const Resource& resource, const Items<T>& items, const Audiences& audiences
    )
        : module_(module), resource_(resource), items_(items), audiences_(audiences) {
        description_.collection = resource.collection;
        description_.singular = resource.singular;
        description_.schema = capitalized(resource.singular);
        description_.fields = shown_fields<T>();
        description_.links = items.rels;
        std::string example;
        append_item(
            example,
            "http://localhost:8080",
            resource,
            items.example.id,
            items.example,
            view().links_of(items.example)
        );
        description_.example = value_of(example);
        module.describe(description_);
    }

    /// GET /orders. `own` are a customer's: what there is for who is that and may see no others.
    /// Who may be that must be said whose items are.
    Collection& list(const Pages& pages, const FinderPages* own = nullptr) {
        if (audiences_.readers.roles().has(http::Role::customer) &&
            (own == nullptr || items_.owner == nullptr)) {
            throw std::logic_error(
                std::string(resource_.collection) + " does not say what of it is a customer's"
            );
        }
        module_.query(
            endpoint(http::Method::get, "", detail::list_operation(description_, pages.sortable())),
            [this_ = view(), &pages, own](const http::Request& request, storage::Connection& db) {
                return request.customer == 0
                           ? pages.answer(request, this_.resource, db, this_.add_row())
                           : own->answer(
                                 request, this_.resource, db, request.customer, this_.add_row()
                             );
            }
        );
        return *this;
    }

    /// GET /orders/{id}
    Collection& show() {
        module_.query(
            endpoint(http::Method::get, "/{id}", detail::show_operation(description_)),
            [this_ =
                 view()](const http::Request& request, storage::Connection& db) -> http::Answer {
                const auto id = path_id(request);
                if (!id) {
                    return id.error();
                }
                const auto item = this_.find(request, db, *id);
                return item ? http::Answer(this_.shown(request, *item))
                            : http::Answer(not_found(this_.resource, *id));
            }
        );
        return *this;
    }

    /// GET /payments/search/NAME?PARAMETER=N: one item, or 404.
    Collection& find_one(
        std::string name,
        std::string parameter,
        std::optional<T> (*find)(storage::Connection&, std::int64_t)
    ) {
        auto operation = detail::find_operation(description_, name, parameter, true, nullptr);
        return finder(
            std::move(name),
            parameter,
            "",
            std::move(operation),
            [this_ = view(), parameter, find](
                const http::Request& request, storage::Connection& db, std::int64_t id
            ) -> http::Answer {
                const auto item = find(db, id);
                return item && !this_.hides(request, *item)
                           ? http::Answer(this_.shown(request, *item))
                           : http::Answer(detail::none_of(this_.resource, parameter, id));
            }
        );
    }

    /// GET /myPages/search/NAME?PARAMETER=N: all of them, not paged; an empty list when none is.
    Collection& find_all(
        std::string name,
        std::string parameter,
        std::vector<T> (*find)(storage::Connection&, std::int64_t)
    ) {
        auto operation = detail::find_operation(description_, name, parameter, false, nullptr);
        return finder(
            std::move(name),
            std::move(parameter),
            "",
            std::move(operation),
            [this_ = view(), find](
                const http::Request& request, storage::Connection& db, std::int64_t id
            ) -> http::Answer {
                CollectionWriter writer(request, this_.resource);
                for (const T& item : find(db, id)) {
                    if (!this_.hides(request, item)) {
                        writer.add(item.id, item, this_.links_of(item));
                    }
                }
                return std::move(writer).finish_unpaged();
            }
        );
    }

    /// GET /orders/search/NAME?PARAMETER=N&page,size,sort. Where customers read, N is the owner.
    Collection& find_pages(std::string name, std::string parameter, const FinderPages& pages) {
        if (audiences_.readers.roles().has(http::Role::customer) && parameter != owner_parameter) {
            throw std::logic_error(name + " does not say what of it is a customer's");
        }
        auto operation =
            detail::find_operation(description_, name, parameter, false, &pages.sortable());
        return finder(
            std::move(name),
            std::move(parameter),
            ",page,size,sort",
            std::move(operation),
            [this_ = view(),
             &pages](const http::Request& request, storage::Connection& db, std::int64_t id) {
                const std::int64_t shown = is_hidden(request, id) ? nobody : id;
                return pages.answer(request, this_.resource, db, shown, this_.add_row());
            }
        );
    }

    /// POST /customers: 201.
    Collection& create(const Fields<T>& fields, Doc doc, Create make) {
        return create(
            fields,
            std::move(doc),
            Begin([this_ = view(), make = std::move(make)](const http::Request& request, T body) {
                return Next{Write{
                    [this_, &request, body = std::move(body), make](bus::UnitOfWork& work
                    ) -> http::Answer {
                        auto made = make(work, body);
                        if (!made) {
                            return std::move(made.error());
                        }
                        return this_.shown(request, *made, 201);
                    }
                }};
            })
        );
    }
    Collection& create(const Fields<T>& fields, Doc doc, Begin begin) {
        Operation operation = detail::create_operation(description_, std::move(doc));
        set_body(operation, description_.schema + "Input", fields);
        Endpoint declared = endpoint(http::Method::post, "", std::move(operation));
        declared.route.consumes = http::Consumes::json;
        module_.command(
            std::move(declared),
            [this_ = view(),
             &fields,
             begin =
                 std::move(begin)](const http::Request& request, const storage::Reader&) -> Next {
                auto body = fields.read(request);
                if (!body) {
                    return {std::move(body.error())};
                }
                if (this_.hides(request, *body)) {
                    return {not_his(request, this_.owner_of(*body))};
                }
                return begin(request, std::move(*body));
            }
        );
        return *this;
    }

    /// PUT (the whole) and PATCH (a merge) of /books/{id}: 200 with the item as it is then.
    Collection& change(const Fields<T>& fields, const Doc& doc, const Change& change) {
        change_by(
            http::Method::put,
            fields,
            {"replace" + doc.id, "Replace " + doc.summary, doc.description, doc.replies},
            change
        );
        change_by(
            http::Method::patch,
            fields,
            {"update" + doc.id, "Change " + doc.summary, doc.description, doc.replies},
            change
        );
        return *this;
    }

    /// DELETE /books/{id}: 204.
    Collection& remove(Doc doc, Remove remove) {
        Endpoint declared = endpoint(
            http::Method::del, "/{id}", detail::remove_operation(description_, std::move(doc))
        );
        declared.route.produces = http::Produces::nothing;
        declared.route.judges_conditions = true;
        module_.command(
            std::move(declared),
            [this_ = view(),
             remove =
                 std::move(remove)](const http::Request& request, const storage::Reader&) -> Next {
                const auto id = path_id(request);
                if (!id) {
                    return {id.error()};
                }
                return {Write{
                    [this_, &request, id = *id, remove](bus::UnitOfWork& work) -> http::Answer {
                        const auto before = this_.find(request, work.db(), id);
                        if (!before) {
                            return not_found(this_.resource, id);
                        }
                        if (auto problem = this_.stale(request, *before)) {
                            return std::move(*problem);
                        }
                        if (auto problem = remove(work, *before)) {
                            return std::move(*problem);
                        }
                        return no_content();
                    }
                }};
            }
        );
        return *this;
    }

  private:
    using View = ItemView<T>;  ///< what the handlers keep

    static constexpr std::int64_t nobody = -1;  ///< no customer's id

    View view() const { return {resource_, items_}; }

    Endpoint endpoint(http::Method method, std::string_view below, Operation operation) const {
        const bool reads = method == http::Method::get;
        Endpoint result{.route = {.audience = reads ? audiences_.readers : audiences_.writers}};
        result.route.method = method;
        result.route.pattern = "/" + std::string(resource_.collection) + std::string(below);
        result.operation = std::move(operation);
        return result;
    }

    void set_body(Operation& operation, std::string schema, const Fields<T>& fields) const {
        detail::set_body(
            operation,
            std::move(schema),
            fields.specs(),
            detail::body_example(items_.example, fields.specs())
        );
    }

    /// GET /<collection>/search/NAME: `answer` is called with the id in the query's PARAMETER.
    Collection& finder(
        std::string name,
        std::string parameter,
        std::string_view more_parameters,
        Operation operation,
        std::function<http::Answer(const http::Request&, storage::Connection&, std::int64_t id)>
            answer
    ) {
        add_finder(name, parameter, more_parameters);
        module_.query(
            endpoint(http::Method::get, "/search/" + name, std::move(operation)),
            [parameter = std::move(parameter), answer = std::move(answer)](
                const http::Request& request, storage::Connection& db
            ) -> http::Answer {
                const auto id = query_id(request, parameter);
                return id ? answer(request, db, *id) : http::Answer(id.error());
            }
        );
        return *this;
    }

    /// The first one adds GET /<collection>/search.
    void add_finder(const std::string& name, const std::string& parameter, std::string_view rest) {
        if (!finders_) {
            finders_ = std::make_shared<std::vector<Finder>>();
            module_.query(
                detail::search_endpoint(resource_, audiences_.readers),
                [&resource = resource_,
                 finders = finders_](const http::Request& request, storage::Connection&) {
                    return detail::search_response(request, resource, *finders);
                }
            );
        }
        finders_->push_back({name, "{?" + parameter + std::string(rest) + "}"});
    }

    void change_by(http::Method method, const Fields<T>& fields, Doc doc, const Change& change) {
        const bool merge = method == http::Method::patch;
        Operation operation = detail::change_operation(description_, std::move(doc));
        set_body(operation, description_.schema + (merge ? "Patch" : "Input"), fields);
        operation.body->merge_patch = merge;
        Endpoint declared = endpoint(method, "/{id}", std::move(operation));
        declared.route.consumes = merge ? http::Consumes::merge_patch : http::Consumes::json;
        declared.route.judges_conditions = true;
        module_.command(
            std::move(declared),
            [this_ = view(), &fields, merge, change](
                const http::Request& request, const storage::Reader& reader
            ) -> Next {
                const auto id = path_id(request);
                if (!id) {
                    return {id.error()};
                }
                if (!this_.find(request, *reader, *id)) {
                    return {not_found(this_.resource, *id)};
                }
                auto changes = merge ? fields.merge_patch(request) : fields.replacement(request);
                if (!changes) {
                    return {std::move(changes.error())};
                }
                return {Write{
                    [this_, &request, id = *id, changes = std::move(*changes), change](
                        bus::UnitOfWork& work
                    ) -> http::Answer {
                        const auto before = this_.find(request, work.db(), id);
                        if (!before) {
                            return not_found(this_.resource, id);
                        }
                        if (auto problem = this_.stale(request, *before)) {
                            return std::move(*problem);
                        }
                        T after = *before;
                        changes.apply(after);
                        if (auto problem = change(work, *before, after)) {
                            return std::move(*problem);
                        }
                        return this_.shown(request, this_.items.find(work.db(), id).value());
                    }
                }};
            }
        );
    }

    Module& module_;
    const Resource& resource_;
    const Items<T>& items_;
    Audiences audiences_;
    ResourceDescription description_;
    std::shared_ptr<std::vector<Finder>> finders_;
};

}  // namespace bookstore::kernel
