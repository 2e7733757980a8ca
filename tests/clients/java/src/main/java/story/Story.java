package story;

import bookstore.ApiClient;
import bookstore.ApiException;
import bookstore.ApiResponse;
import bookstore.api.BooksApi;
import bookstore.api.CustomersApi;
import bookstore.api.OrdersApi;
import bookstore.model.BookInput;
import bookstore.model.CustomerInput;
import bookstore.model.Order;
import bookstore.model.Order.OrderStatusEnum;
import bookstore.model.OrderCollection;
import bookstore.model.OrderInput;

/** The story of a shop, told by the client that was generated: Story BASE_URL */
public final class Story {
    private static final long LARGE_STOCK = 5_000_000_000L; // does not fit 32 bits
    private static final double PAY_AMOUNT = 123_456_789_012.34;

    private final CustomersApi customers;
    private final BooksApi books;
    private final OrdersApi orders;

    private Story(ApiClient client) {
        customers = new CustomersApi(client);
        books = new BooksApi(client);
        orders = new OrdersApi(client);
    }

    private static void expect(boolean good, String what) {
        if (!good) {
            throw new IllegalStateException(what);
        }
    }

    /** The id that Location ends with. */
    private static long created(ApiResponse<?> answer) {
        expect(answer.getStatusCode() == 201, "not created: " + answer.getStatusCode());
        String location = answer.getHeaders().get("location").get(0);
        return Long.parseLong(location.substring(location.lastIndexOf('/') + 1));
    }

    private long registerBook(long stock) throws ApiException {
        var answer = books.registerBookWithHttpInfo(new BookInput().bookName("DDD").stock(stock), null);
        expect(answer.getData().getStock() == stock, "the stock is " + answer.getData().getStock());
        return created(answer);
    }

    private long placeOrder(long book, long customer, Double payAmount) throws ApiException {
        var wanted = new OrderInput().bookId(book).customerId(customer).quantity(1L)
            .deliveryAddress("Busan").payAmount(payAmount);
        var answer = orders.placeOrderWithHttpInfo(wanted, null);
        Double seen = answer.getData().getPayAmount();
        expect(payAmount == null ? seen == null : payAmount.equals(seen), "the amount is " + seen);
        return created(answer);
    }

    private void waitUntilShipped(long id) throws Exception {
        Order order = orders.getOrder(id, null);
        for (int i = 0; i < 200 && order.getOrderStatus() != OrderStatusEnum.SHIPPED; ++i) {
            Thread.sleep(100);
            order = orders.getOrder(id, null);
        }
        expect(order.getOrderStatus() == OrderStatusEnum.SHIPPED, "not shipped: " + order);
    }

    private void cancel(long id) throws ApiException {
        expect(orders.getOrder(id, null).getLinks().getCancel() != null, "it has no link to cancel it");
        expect(orders.cancelOrderWithHttpInfo(id, null).getStatusCode() == 204, "not canceled");
        expect(orders.getOrder(id, null).getOrderStatus() == OrderStatusEnum.CANCELED, "not canceled");
    }

    /** Reads the orders a page of one each, and returns how many there were. */
    private long pageThrough() throws ApiException {
        long count = 0;
        OrderCollection page;
        long number = 0;
        do {
            page = orders.listOrders(number, 1L, null);
            count += page.getEmbedded().getOrders().size();
            ++number;
        } while (number < page.getPage().getTotalPages());
        expect(count == page.getPage().getTotalElements(), "the pages had " + count);
        return count;
    }

    private void expectRefusal() {
        try {
            orders.getOrder(4_000_000_000L, null);
        } catch (ApiException refusal) {
            expect(refusal.getCode() == 404, "refused with " + refusal.getCode());
            return;
        }
        throw new IllegalStateException("there is an order that nobody placed");
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        Story story = new Story(client);
        long customer =
            created(story.customers.registerCustomerWithHttpInfo(new CustomerInput().customerName("Kim"), null));
        story.waitUntilShipped(story.placeOrder(story.registerBook(LARGE_STOCK), customer, PAY_AMOUNT));
        story.cancel(story.placeOrder(story.registerBook(0), customer, null));
        story.expectRefusal();
        System.out.println("Java: shipped one, canceled one, paged through " + story.pageThrough());
    }
}
