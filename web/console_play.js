// Play the bookstore's people: each form is a request of the API, and says which.
import { call, count, curlOf, commandLine, el, embedded, empty, find, get, idOf, idOfLocation, columnHead, loading, money, onRequest, poll, problem, Refused, requestLog, say, status, t, unlessHeMay } from "./console_base.js";
import { onEvents } from "./console_events.js";

const listed = 8;

// What was used last is what the next form offers.
const chosen = { customer: "", book: "", order: "" };

// ---- the requests that were made

/** JSON laid out with its tokens as they are: a number that was parsed would be written otherwise. */
function pretty(text) {
  if (!/^\s*[[{]/.test(text)) return text;
  let depth = 0;
  const line = () => `\n${"  ".repeat(Math.max(0, depth))}`;
  return text.replace(/("(?:[^"\\]|\\.)*"?)|\s+|(\{\s*\}|\[\s*\])|([{[])|([}\]])|(,)|(:)/g, (whole, string, none, opens, closes, comma, colon) => {
    if (string) return string;
    if (none) return none[0] + none[none.length - 1];
    if (opens) return ++depth, opens + line();
    if (closes) return --depth, line() + closes;
    if (comma) return comma + line();
    return colon ? ": " : "";
  });
}

function drawRequest(entry, open) {
  const curl = curlOf(entry);
  const good = entry.status >= 200 && entry.status < 300;
  return el("details", { class: "request", open },
    el("summary", {}, el("b", { class: `method ${entry.method.toLowerCase()}` }, entry.method), el("span", { class: "path" }, entry.path),
      el("span", { class: good ? "code good" : "code bad" }, entry.status ? `${entry.status} ${entry.reason}` : t("noAnswer")),
      el("span", { class: "faint" }, `${entry.ms < 10 ? entry.ms.toFixed(1) : Math.round(entry.ms)} ms`)),
    entry.body !== undefined && [el("h4", {}, t("sentBody")), el("pre", { tabindex: 0 }, pretty(entry.body))],
    el("h4", {}, t("answered")), entry.answer ? el("pre", { tabindex: 0 }, pretty(entry.answer)) : el("p", { class: "faint" }, t("noBody")),
    el("h4", {}, t("asCurl")), commandLine(curl));
}

export function mountRequests(root) {
  const list = el("div", { class: "requests" });
  const draw = () => {
    list.replaceChildren(...(requestLog.length === 0 ? [empty(t("noRequests"))] : requestLog.map((entry, i) => drawRequest(entry, i === 0))));
  };
  root.append(el("section", { class: "card wire", "aria-label": t("requests") }, el("header", {}, el("h2", {}, t("requests"))), list));
  draw();
  return onRequest(draw);
}

// ---- forms

let ids = 0;

function field(key, { value = "", type = "text", name, required = true, optional = false, hint = false, options } = {}) {
  const id = `field-${++ids}`;
  const numeric = type === "number";
  const input = options
    ? el("select", { id, name }, options.map((option) => el("option", { value: option }, option)))
    : el("input", { id, name, value, autocomplete: "off", required: required && !optional, inputmode: numeric ? "numeric" : type === "decimal" ? "decimal" : null, maxlength: 255 });
  const help = hint ? el("p", { class: "hint", id: `${id}-hint` }) : null;
  if (help) input.setAttribute("aria-describedby", help.id);
  return { input, help, root: el("div", { class: "field" }, el("label", { for: id }, t(key), optional && el("span", { class: "faint" }, ` (${t("optional")})`)), input, help) };
}

/** A number field of an id that says whose it is. */
function idField(key, name, kind) {
  const one = field(key, { name, type: "number", value: chosen[kind], hint: true });
  const names = { customer: ["/customers/", "customerName"], book: ["/books/", "bookName"] };
  let timer = 0;
  let asked = 0;
  const look = async () => {
    const id = one.input.value.trim();
    const mine = ++asked;
    if (!/^[1-9][0-9]*$/.test(id)) { one.help.textContent = ""; return; }
    try {
      const item = await find(names[kind][0] + id);
      if (mine !== asked) return;
      one.help.textContent = item ? `${item[names[kind][1]]}${kind === "book" ? ` · ${t("inStock", { count: count(item.stock) })}` : ""}` : t("noSuch");
      one.help.classList.toggle("wrong", !item);
    } catch (error) {
      if (mine === asked) one.help.textContent = error.message;
    }
  };
  one.input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 250); chosen[kind] = one.input.value.trim(); });
  one.set = (value) => { one.input.value = value; chosen[kind] = String(value); look(); };
  one.look = look;
  look();
  return one;
}

/** A form that sends one request. `done(answer)` after a success. */
function form({ title, role, method = "POST", path, fields, body, button, done }) {
  const wrong = el("p", { class: "wrong", role: "alert" });
  const result = el("p", { class: "result good" });
  const submit = el("button", { type: "submit", class: "main", ...unlessHeMay(method, path) }, t(button));
  const root = el("form", { class: "card action-form", "aria-label": t(title), novalidate: true },
    el("header", {}, el("h3", {}, t(title)), el("code", { class: "faint" }, `${method} ${path}`)),
    el("div", { class: "fields" }, fields.map((one) => one.root)),
    el("div", { class: "row" }, submit, result, wrong));
  root.dataset.role = role;
  root.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.textContent = result.textContent = "";
    submit.disabled = true;
    for (const one of fields) one.input.removeAttribute("aria-invalid");
    try {
      const answer = await call(method, path, { body: body(), record: true });
      result.textContent = `${answer.status} ${answer.reason} ${answer.location ? new URL(answer.location).pathname : ""}`;
      say(t("answeredWith", { status: answer.status }));
      done?.(answer);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      wrong.textContent = error.message;
      const names = (error.answer.json?.errors ?? []).map((one) => one.field);
      const faulty = fields.filter((one) => names.includes(one.input.name));
      for (const one of faulty) one.input.setAttribute("aria-invalid", "true");
      faulty[0]?.input.focus();
    } finally {
      submit.disabled = false;
    }
  });
  return root;
}

const typed = (one) => one.input.value.trim();
/** Empty means absent; what is no number goes as it is: the server says what is wrong with it. */
const asNumber = (one) => {
  const text = typed(one);
  return text === "" ? undefined : /^-?\d{1,15}$/.test(text) ? Number(text) : text;
};
const asDecimal = (one) => {
  const text = typed(one);
  return text === "" ? undefined : /^\d{1,12}(\.\d{1,2})?$/.test(text) ? Number(text) : text;
};

// ---- lists that follow the events

/** Draws `items(signal)` anew when an event came. Returns {root, wrong, stop, now}. */
function following(read, draw, none) {
  const root = el("div", { class: "following" }, loading());
  const wrong = el("p", { class: "wrong", role: "alert" }); // for beside the list, which is drawn anew
  let dirty = true;
  let before = "";
  const polling = poll(async (signal) => {
    if (!dirty) return;
    dirty = false;
    try {
      const items = await read(signal);
      const text = JSON.stringify(items);
      if (text === before) return;
      before = text;
      const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      root.replaceChildren(...(items.length > 0 ? [draw(items)] : [empty(none())]));
      if (focused) root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      dirty = true;
      before = "";
      root.replaceChildren(problem(error, () => polling.now()));
    }
  }, 700);
  const now = () => { dirty = true; polling.now(); };
  const off = onEvents(() => { dirty = true; });
  return { root, wrong, now, stop: () => { off(); polling.stop(); } };
}

function acting(label, key, method, path, body, wrong, after) {
  const button = el("button", { type: "button", class: "small", "data-key": key, ...unlessHeMay(method, path) }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    wrong.textContent = "";
    try {
      await call(method, path, { body, record: true });
    } catch (error) {
      wrong.textContent = error.message;
    }
    button.disabled = false;
    after();
  });
  return button;
}

const cell = (label, ...content) => el("td", { "data-label": label }, content);

function table(heads, rows) {
  return el("table", { class: "rows" }, el("thead", {}, el("tr", {}, heads.map((key) => el("th", { scope: "col" }, columnHead(key))))), el("tbody", {}, rows));
}

function recentOrders() {
  const list = following((signal) => get(`/orders?size=${listed}&sort=orderId,desc`, { signal }).then((page) => embedded(page, "orders")),
    (orders) => table(["order", "customer", "book", "quantity", "status", ""], orders.map((order) => {
      const id = idOf(order);
      return el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#orders/${id}`, "data-key": `o${id}` }, `#${id}`)),
        cell(t("customer"), String(order.customerId)), cell(t("book"), String(order.bookId)), cell(t("quantity"), count(order.quantity)),
        cell(t("status"), status(order.orderStatus)),
        cell("", order._links?.cancel && acting(t("cancel"), `c${id}`, "DELETE", `/orders/${id}`, undefined, list.wrong, () => list.now())));
    })), () => t("noOrders"));
  return list;
}

const steps = { Shipped: ["InTransit", "Returned"], InTransit: ["Delivered", "Returned"], Delivered: ["Returned"], Returned: [] };

function recentDeliveries() {
  const list = following((signal) => get(`/deliveries?size=${listed}&sort=id,desc`, { signal }).then((page) => embedded(page, "deliveries")),
    (deliveries) => table(["delivery", "order", "address", "status", ""], deliveries.map((delivery) => {
      const id = idOf(delivery);
      const next = steps[delivery.deliveryStatus] ?? [];
      return el("tr", {}, el("th", { scope: "row" }, String(id)),
        cell(t("order"), el("a", { href: `#orders/${delivery.orderId}`, "data-key": `d${id}` }, `#${delivery.orderId}`)),
        cell(t("address"), delivery.deliveryAddress ?? ""), cell(t("status"), status(delivery.deliveryStatus)),
        cell("", next.map((word) => acting(word, `${id}${word}`, "PATCH", `/deliveries/${id}`, { deliveryStatus: word }, list.wrong, () => list.now()))));
    })), () => t("noDeliveries"));
  return list;
}

function books(pick) {
  return following((signal) => get(`/books?size=${listed}&sort=bookId,desc`, { signal }).then((page) => embedded(page, "books")),
    (items) => table(["book", "name", "stock", ""], items.map((book) => {
      const id = idOf(book);
      return el("tr", {}, el("th", { scope: "row" }, String(id)), cell(t("name"), book.bookName), cell(t("stock"), count(book.stock)),
        cell("", el("button", { type: "button", class: "small", "data-key": `b${id}`, click: () => pick(id) }, t("choose"))));
    })), () => t("noBooks"));
}

function myPage(customer) {
  return following(async (signal) => {
    const id = typed(customer);
    if (!/^[1-9][0-9]*$/.test(id)) return [];
    return embedded(await get(`/myPages/search/findByCustomerId?customerId=${id}&size=${listed}&sort=id,desc`, { signal }), "myPages");
  }, (rows) => table(["order", "customer", "book", "quantity", "amount", "orderStatus", "deliveryStatus", "payStatus"], rows.map((row) =>
    el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#orders/${row.orderId}`, "data-key": `m${row.orderId}` }, `#${row.orderId}`)),
      cell(t("customer"), row.customerName), cell(t("book"), String(row.bookId)), cell(t("quantity"), count(row.quantity)),
      cell(t("amount"), money(row.payAmount)), cell(t("orderStatus"), status(row.orderStatus)),
      cell(t("deliveryStatus"), status(row.deliveryStatus)), cell(t("payStatus"), status(row.payStatus))))), () => t("noMyPage"));
}

// ---- the view

async function offerLast(kind, path, name, set) {
  if (chosen[kind]) return;
  try {
    const item = embedded(await get(`${path}?size=1&sort=${kind}Id,desc`), name)[0];
    if (item && !chosen[kind]) set(idOf(item));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

function group(key, ...content) {
  return el("section", { class: "people", "aria-label": t(key) }, el("header", {}, el("h2", {}, t(key)), el("p", {}, t(`${key}Does`))), content);
}

export function mount(root) {
  const customerName = field("name", { name: "customerName", value: "" });
  const bookName = field("name", { name: "bookName" });
  const stock = field("stock", { name: "stock", type: "number", value: "100" });
  const customer = idField("customerNoLabel", "customerId", "customer");
  const book = idField("bookNoLabel", "bookId", "book");
  const quantity = field("quantity", { name: "quantity", type: "number", value: "1" });
  const address = field("address", { name: "deliveryAddress", value: "busan si" });
  const amount = field("amount", { name: "payAmount", type: "decimal", value: "1000.0", optional: true });
  const payType = field("payType", { name: "payType", value: "ONCE", optional: true });
  const stockBook = idField("bookNoLabel", "bookId", "book");
  const stockQuantity = field("quantity", { name: "quantity", type: "number", value: "10" });
  const inCharger = field("inCharger", { name: "inCharger", optional: true });
  const pageOf = idField("customerNoLabel", "customerId", "customer");

  const pickCustomer = (id) => { customer.set(id); pageOf.set(id); pages.now(); };
  const pickBook = (id) => { book.set(id); stockBook.set(id); };
  const orders = recentOrders();
  const deliveries = recentDeliveries();
  const shelf = books(pickBook);
  const pages = myPage(pageOf);
  pageOf.input.addEventListener("input", () => pages.now());
  const lookAgain = () => { shelf.now(); orders.now(); deliveries.now(); pages.now(); book.look(); stockBook.look(); };

  const people = el("div", { class: "play-people" },
    group("customer",
      el("div", { class: "forms" },
        form({ title: "registerCustomer", path: "/customers", fields: [customerName], button: "register", body: () => ({ customerName: typed(customerName) }),
          done: (answer) => pickCustomer(idOfLocation(answer)) }),
        form({ title: "placeOrder", path: "/orders", fields: [customer, book, quantity, address, amount, payType], button: "order",
          body: () => ({ bookId: asNumber(book), customerId: asNumber(customer), quantity: asNumber(quantity), deliveryAddress: typed(address), payAmount: asDecimal(amount), payType: typed(payType) || undefined }),
          done: lookAgain })),
      el("div", { class: "card" }, el("header", {}, el("h3", {}, t("lastOrders")), el("code", { class: "faint" }, "GET /orders")), orders.root, orders.wrong)),
    group("bookManager",
      el("div", { class: "forms" },
        form({ title: "registerBook", path: "/books", fields: [bookName, stock], button: "register", body: () => ({ bookName: typed(bookName), stock: asNumber(stock) }),
          done: (answer) => { pickBook(idOfLocation(answer)); shelf.now(); } }),
        form({ title: "putInStock", path: "/stockInputs", fields: [stockBook, stockQuantity, inCharger], button: "putIn",
          body: () => ({ bookId: asNumber(stockBook), quantity: asNumber(stockQuantity), inCharger: typed(inCharger) || undefined }), done: lookAgain })),
      el("div", { class: "card" }, el("header", {}, el("h3", {}, t("books")), el("code", { class: "faint" }, "GET /books")), shelf.root)),
    group("courier", el("div", { class: "card" }, el("header", {}, el("h3", {}, t("lastDeliveries")), el("code", { class: "faint" }, "PATCH /deliveries/{id}")), deliveries.root, deliveries.wrong)),
    group("myPage", el("div", { class: "card" }, 
      el("header", {}, el("div", { class: "fields narrow" }, pageOf.root), el("code", { class: "faint" }, "GET /myPages/search/findByCustomerId")), pages.root)));
  const side = el("aside", { class: "play-side" });
  root.append(el("h1", {}, t("play")), el("p", { class: "lead" }, t("playLead")), el("div", { class: "play" }, people, side));
  const endRequests = mountRequests(side);
  offerLast("customer", "/customers", "customers", pickCustomer);
  offerLast("book", "/books", "books", pickBook);
  return () => { endRequests(); for (const list of [orders, deliveries, shelf, pages]) list.stop(); };
}
