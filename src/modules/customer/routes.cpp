#include "modules/customer/routes.hpp"

#include "kernel/fields.hpp"
#include "kernel/paging.hpp"
#include "modules/customer/events.hpp"
#include "modules/customer/store.hpp"

namespace bookstore::customer {
namespace {

using bus::UnitOfWork;
using http::Answer;
using http::Method;
using http::Request;
using kernel::Next;
using kernel::Write;

const kernel::Fields<Customer>& customer_fields() {
    static const auto fields =
        kernel::Fields<Customer>().text("customerName", &Customer::customer_name);
    return fields;
}

/// GET /customers
Answer list_customers(const Request& request, storage::Connection& db) {
    return store::customer_pages.answer(
        request,
        customers,
        db,
        [](kernel::CollectionWriter& writer, storage::Statement& row) {
            const Customer customer = store::customer_in(row);
            writer.add(customer.id, customer);
        }
    );
}

/// GET /customers/{id}
Answer show_customer(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto customer = store::find(db, *id);
    if (!customer) {
        return kernel::not_found(customers, *id);
    }
    return kernel::item_response(request, customers, *id, *customer);
}

/// POST /customers: 201, Registered.
Next register_customer(const Request& request, storage::Connection&) {
    auto body = customer_fields().read(request);
    if (!body) {
        return {body.error()};
    }
    return {Write{[&request, customer = *body](UnitOfWork& work) -> Answer {
        const std::int64_t id = store::insert(work.db(), customer);
        work.publish(Registered{id});
        return kernel::item_response(request, customers, id, customer, {}, 201);
    }}};
}

/// PUT (the whole) and PATCH (a merge) of /customers/{id}: Changed, if it changes anything.
Next change_customer(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return {id.error()};
    }
    if (!store::find(db, *id)) {
        return {kernel::not_found(customers, *id)};
    }
    Customer wanted;
    const bool patch = request.method == Method::patch;
    if (auto problem = patch ? customer_fields().patch(request, wanted)
                             : customer_fields().replace(request, wanted)) {
        return {*problem};
    }
    return {Write{[&request, id = *id](UnitOfWork& work) -> Answer {
        const auto before = store::find(work.db(), id);
        if (!before) {
            return kernel::not_found(customers, id);
        }
        Customer after = *before;
        customer_fields().patch(request, after);  // the body was checked before
        if (after.customer_name != before->customer_name) {
            store::update(work.db(), after);
            work.publish(Changed{id});
        }
        return kernel::item_response(request, customers, id, after);
    }}};
}

/// DELETE /customers/{id}: 204, Deleted. Orders that refer to it go on.
Next delete_customer(const Request& request, storage::Connection&) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return {id.error()};
    }
    return {Write{[id = *id](UnitOfWork& work) -> Answer {
        if (!store::find(work.db(), id)) {
            return kernel::not_found(customers, id);
        }
        store::mark_deleted(work.db(), id);
        work.publish(Deleted{id});
        return kernel::no_content();
    }}};
}

void add_page(kernel::CollectionWriter& writer, storage::Statement& row) {
    const MyPage page = store::my_page_in(row);
    writer.add(page.id, page);
}

/// GET /myPages
Answer list_my_pages(const Request& request, storage::Connection& db) {
    return store::my_page_pages.answer(request, my_pages, db, add_page);
}

/// GET /myPages/{id}
Answer show_my_page(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto page = store::find_my_page(db, *id);
    if (!page) {
        return kernel::not_found(my_pages, *id);
    }
    return kernel::item_response(request, my_pages, *id, *page);
}

/// GET /myPages/search/findByOrderId?orderId=N: not paged, empty when there is none.
Answer find_my_page_by_order(const Request& request, storage::Connection& db) {
    const auto id = kernel::query_id(request, "orderId");
    if (!id) {
        return id.error();
    }
    kernel::CollectionWriter writer(request, my_pages);
    if (const auto page = store::find_my_page_of_order(db, *id)) {
        writer.add(page->id, *page);
    }
    return std::move(writer).finish_unpaged();
}

/// GET /myPages/search/findByCustomerId?customerId=N
Answer find_my_pages_by_customer(const Request& request, storage::Connection& db) {
    const auto id = kernel::query_id(request, "customerId");
    if (!id) {
        return id.error();
    }
    return store::my_pages_of_customer.answer(request, my_pages, db, *id, add_page);
}

}  // namespace

void add_customer_routes(kernel::Module& module) {
    module.query(Method::get, "/customers", list_customers);
    module.query(Method::get, "/customers/{id}", show_customer);
    module.command(Method::post, "/customers", register_customer);
    module.command(Method::put, "/customers/{id}", change_customer);
    module.command(Method::patch, "/customers/{id}", change_customer, http::Consumes::merge_patch);
    module.command(
        Method::del,
        "/customers/{id}",
        delete_customer,
        http::Consumes::nothing,
        http::Produces::nothing
    );
}

void add_my_page_routes(kernel::Module& module) {
    module.query(Method::get, "/myPages", list_my_pages);
    module.query(Method::get, "/myPages/{id}", show_my_page);
    module.query(Method::get, "/myPages/search/findByOrderId", find_my_page_by_order);
    module.query(Method::get, "/myPages/search/findByCustomerId", find_my_pages_by_customer);
    kernel::add_search(
        module,
        my_pages,
        {{"findByOrderId", "{?orderId}"}, {"findByCustomerId", "{?customerId,page,size,sort}"}}
    );
}

}  // namespace bookstore::customer
