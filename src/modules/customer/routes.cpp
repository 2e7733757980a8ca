#include "modules/customer/routes.hpp"

#include "kernel/collection.hpp"
#include "modules/customer/events.hpp"
#include "modules/customer/store.hpp"

namespace bookstore::customer {
namespace {

using bus::UnitOfWork;
using http::Problem;
using http::Role;

const kernel::Items<Customer> customer_items{
    .read = store::customer_in, .find = store::find, .example = {.id = 1, .customer_name = "홍길동"}
};

const kernel::Items<MyPage> my_page_items{
    .read = store::my_page_in,
    .find = store::find_my_page,
    .owner = [](const MyPage& page) { return page.customer_id; },
    .example =
        {.id = 1,
         .customer_id = 1,
         .customer_name = "홍길동",
         .order_id = 1,
         .book_id = 1,
         .quantity = 100,
         .delivery_address = "busan si",
         .order_status = "Shipped",
         .delivery_status = "Shipped",
         .delivery_id = 1,
         .pay_amount = Money::from_cents(100'000),
         .pay_status = "PAYMENT_COMPLETED",
         .ordered_at = "2020-09-10T04:50:35Z"}
};

const kernel::Fields<Customer>& customer_fields() {
    static const auto fields =
        kernel::Fields<Customer>().text("customerName", &Customer::customer_name);
    return fields;
}

/// Publishes Registered.
std::expected<Customer, Problem> register_customer(UnitOfWork& work, const Customer& body) {
    Customer customer = body;
    customer.id = store::insert(work.db(), body);
    work.publish(Registered{customer.id});
    return customer;
}

/// Publishes Changed, if it changes anything.
std::optional<Problem> change_customer(
    UnitOfWork& work, const Customer& before, const Customer& after
) {
    if (after.customer_name != before.customer_name) {
        store::update(work.db(), after);
        work.publish(Changed{after.id});
    }
    return std::nullopt;
}

/// Publishes Deleted. Orders that refer to the customer go on.
std::optional<Problem> delete_customer(UnitOfWork& work, const Customer& customer) {
    store::mark_deleted(work.db(), customer.id);
    work.publish(Deleted{customer.id});
    return std::nullopt;
}

}  // namespace

void add_customer_routes(kernel::Module& module) {
    kernel::Collection<Customer>(module, customers, customer_items, Role::customer_operator)
        .list(store::customer_pages)
        .show()
        .create(
            customer_fields(),
            {.id = "registerCustomer", .summary = "Register a customer"},
            register_customer
        )
        .change(customer_fields(), {.id = "Customer", .summary = "a customer"}, change_customer)
        .remove(
            {.id = "deleteCustomer",
             .summary = "Delete a customer",
             .description = "Orders that refer to the customer go on; My Page shows the last name."
            },
            delete_customer
        );
}

void add_my_page_routes(kernel::Module& module) {
    kernel::Collection<MyPage>(
        module, my_pages, my_page_items, Role::customer | Role::customer_operator
    )
        .list(store::my_page_pages, &store::my_pages_of_customer)
        .show()
        .find_all("findByOrderId", "orderId", store::my_pages_of_order)
        .find_pages("findByCustomerId", "customerId", store::my_pages_of_customer);
}

}  // namespace bookstore::customer
