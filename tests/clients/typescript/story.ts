// The story of a shop, told with the types that were generated into bookstore.d.ts: story.js BASE_URL
import createClient from "openapi-fetch";
import type { components, paths } from "./bookstore.js";

type Order = components["schemas"]["Order"];

const largeStock = 5_000_000_000; // does not fit 32 bits
const payAmount = 123_456_789_012.34;
const client = createClient<paths>({ baseUrl: process.argv[2] ?? "" });

function expect(good: boolean, what: string): asserts good {
  if (!good) throw new Error(what);
}

/** The id that Location ends with. */
function created(response: Response): number {
  expect(response.status === 201, `not created: ${response.status}`);
  return Number(response.headers.get("Location")?.split("/").at(-1));
}

async function registerCustomer(customerName: string): Promise<number> {
  const { data, response } = await client.POST("/customers", { body: { customerName } });
  expect(data?.customerName === customerName, `the customer is ${data?.customerName}`);
  return created(response);
}

async function registerBook(stock: number): Promise<number> {
  const { data, response } = await client.POST("/books", { body: { bookName: "DDD", stock } });
  expect(data?.stock === stock, `the stock is ${data?.stock}`);
  return created(response);
}

async function placeOrder(bookId: number, customerId: number, pay: number | null): Promise<number> {
  const body = { bookId, customerId, quantity: 1, deliveryAddress: "Busan", payAmount: pay };
  const { data, response } = await client.POST("/orders", { body });
  expect(data?.payAmount === pay, `the amount is ${data?.payAmount}`);
  return created(response);
}

async function orderOf(id: number): Promise<Order> {
  const { data, error } = await client.GET("/orders/{id}", { params: { path: { id } } });
  expect(data !== undefined, error?.message ?? "no order");
  return data;
}

async function waitUntilShipped(id: number): Promise<void> {
  let order = await orderOf(id);
  for (let i = 0; i < 200 && order.orderStatus !== "Shipped"; ++i) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    order = await orderOf(id);
  }
  expect(order.orderStatus === "Shipped", `not shipped: ${order.orderStatus}`);
}

async function cancel(id: number): Promise<void> {
  expect((await orderOf(id))._links.cancel !== undefined, "it has no link to cancel it");
  const { response } = await client.DELETE("/orders/{id}", { params: { path: { id } } });
  expect(response.status === 204, `not canceled: ${response.status}`);
  expect((await orderOf(id)).orderStatus === "CANCELED", "not canceled");
}

/** Reads the orders a page of one each, and returns how many there were. */
async function pageThrough(): Promise<number> {
  let count = 0;
  for (let page = 0; ; ++page) {
    const { data } = await client.GET("/orders", { params: { query: { page, size: 1 } } });
    expect(data !== undefined, "no page");
    count += data._embedded.orders.length;
    if (page + 1 >= data.page.totalPages) {
      expect(count === data.page.totalElements, `the pages had ${count}`);
      return count;
    }
  }
}

const customer = await registerCustomer("Kim");
await waitUntilShipped(await placeOrder(await registerBook(largeStock), customer, payAmount));
await cancel(await placeOrder(await registerBook(0), customer, null));
const { error } = await client.GET("/orders/{id}", { params: { path: { id: 4_000_000_000 } } });
expect(error?.status === 404, "there is an order that nobody placed");
console.log(`TypeScript: shipped one, canceled one, paged through ${await pageThrough()}`);
