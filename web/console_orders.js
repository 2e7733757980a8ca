// Orders: the newest or those of a customer, and one of them with its timeline and why it waits.
import { Refused, base, call, clock, contextName, count, duration, el, embedded, empty, eventTime, find, get, has, idOf, loading, modules, money, poll, problem, say, status, t, unlessHeMay } from "./console_base.js";
import { onEvents } from "./console_events.js";

const pageSize = 20;
const maxEntries = 400; // of a timeline

// ---- the list

function listPath(customer, page) {
  return customer
    ? `/orders/search/findByCustomerId?customerId=${customer}&page=${page}&size=${pageSize}&sort=orderId,desc`
    : `/orders?page=${page}&size=${pageSize}&sort=orderId,desc`;
}

function cell(label, ...content) {
  return el("td", { "data-label": label }, content);
}

function drawRow(order) {
  const id = idOf(order);
  const row = el("tr", { class: "linked" },
    el("th", { scope: "row" }, el("a", { href: `#orders/${id}` }, `#${id}`)),
    cell(t("customer"), el("a", { href: `#orders?customer=${order.customerId}` }, String(order.customerId))),
    cell(t("book"), String(order.bookId)), cell(t("quantity"), count(order.quantity)),
    cell(t("amount"), money(order.payAmount)),
    cell(t("address"), order.deliveryAddress ?? ""),
    cell(t("status"), status(order.orderStatus)));
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a")) location.hash = `#orders/${id}`;
  });
  return row;
}

function drawTable(orders) {
  const heads = ["order", "customer", "book", "quantity", "amount", "address", "status"];
  return el("table", { class: "rows" },
    el("thead", {}, el("tr", {}, heads.map((key) => el("th", { scope: "col" }, t(key))))),
    el("tbody", {}, orders.map(drawRow)));
}

function drawPager(page, customer) {
  const to = (number) => `#orders?${customer ? `customer=${customer}&` : ""}page=${number}`;
  if (!page || page.totalPages <= 1) return null;
  return el("nav", { class: "pager", "aria-label": t("pages") },
    page.number > 0 && el("a", { class: "button", href: to(page.number - 1), rel: "prev" }, t("newer")),
    el("span", {}, t("pageOf", { page: count(page.number + 1), pages: count(page.totalPages) })),
    page.number + 1 < page.totalPages && el("a", { class: "button", href: to(page.number + 1), rel: "next" }, t("older")));
}

function searchForm(id, customer) {
  const order = el("input", { id: "order-id", inputmode: "numeric", pattern: "[0-9]*", value: id ?? "", autocomplete: "off", "aria-keyshortcuts": "/" });
  const whose = el("input", { id: "of-customer", inputmode: "numeric", pattern: "[0-9]*", value: customer ?? "", autocomplete: "off" });
  const go = (input, hash) => (event) => {
    event.preventDefault();
    const text = input.value.trim().replace(/^#/, "");
    location.hash = text === "" ? "#orders" : hash + encodeURIComponent(text);
  };
  return el("div", { class: "searches" },
    el("form", { class: "search", role: "search", "aria-label": t("searchOrder"), submit: go(order, "#orders/") },
      el("label", { for: "order-id" }, t("orderNo")), order, el("button", { type: "submit" }, t("show"))),
    el("form", { class: "search", role: "search", "aria-label": t("searchCustomer"), submit: go(whose, "#orders?customer=") },
      el("label", { for: "of-customer" }, t("ofCustomer")), whose, el("button", { type: "submit" }, t("show"))));
}

function mountList(root, query) {
  const customer = query.get("customer");
  const page = query.get("page") ?? "0";
  const body = el("div", {}, loading());
  root.append(el("h1", {}, t("orders")), searchForm(null, customer), body);
  let shown = "";
  let dirty = true;
  const work = async (signal) => {
    if (!dirty) return;
    dirty = false;
    try {
      const answer = await get(listPath(customer && encodeURIComponent(customer), page), { signal });
      const orders = embedded(answer, "orders");
      const text = JSON.stringify(orders);
      if (text === shown) return;
      const focused = body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      shown = text;
      body.replaceChildren(...(orders.length > 0
        ? [el("p", { class: "faint" }, t("ordersTotal", { count: count(answer.page.totalElements) })), drawTable(orders), drawPager(answer.page, customer)].filter(Boolean)
        : [empty(t(customer ? "noOrdersOf" : "noOrders", { id: customer }), el("a", { class: "button", href: "#play" }, t("goPlay")))]));
      if (focused) [...body.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      dirty = true;
      shown = "";
      body.replaceChildren(problem(error, () => polling.now()));
    }
  };
  const polling = poll(work, 1000);
  const off = onEvents(() => { dirty = true; });
  return () => { off(); polling.stop(); };
}

// ---- one order

/** The timeline from the events alone, for a server without /trace. */
async function timelineOfEvents(id, signal) {
  const answer = await call("GET", `/events?key=order-${id}&follow=false`, { signal, type: "text/event-stream" });
  const entries = [];
  let before = null;
  let start = null;
  for (const block of answer.text.split("\n\n")) {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (!data) continue;
    const fields = JSON.parse(data);
    const at = eventTime(fields.timestamp);
    start ??= at;
    entries.push({ at_ms: at, since_start_ms: at - start, gap_ms: before === null ? 0 : at - before, took_ms: null, kind: "event",
      name: fields.eventType, context: "", position: Number(/^id: (\d+)$/m.exec(block)?.[1] ?? 0), detail: fields.deliveryStatus ?? fields.payStatus ?? fields.orderStatus ?? fields.status ?? "" });
    before = at;
  }
  return { entries, waiting: [], missing: [t("eventsOnly")], lasted_ms: before === null ? 0 : before - start };
}

async function readOrder(id, signal) {
  const order = await find(`/orders/${id}`, { signal });
  if (!order) return null;
  // A context that rests answers 503: what it knows is not shown then, and that is all.
  const quiet = (promise) => promise.catch((error) => {
    if (error instanceof Refused) return undefined;
    throw error;
  });
  const [delivery, deliverable, payment, book, customer, trace] = await Promise.all([
    quiet(find(`/deliveries/search/findFirstByOrderId?orderId=${id}`, { signal })),
    quiet(find(`/deliverables/search/findByOrderId?orderId=${id}`, { signal })),
    quiet(find(`/payments/search/findByOrderId?orderId=${id}`, { signal })),
    quiet(find(`/books/${order.bookId}`, { signal })),
    quiet(find(`/customers/${order.customerId}`, { signal })),
    quiet(has("/trace/orders/{id}") ? get(`/trace/orders/${id}`, { signal }) : timelineOfEvents(id, signal)),
  ]);
  return { id, order, delivery, deliverable, payment, book, customer, trace };
}

const stateOf = (name) => modules.get(name)?.state;

function nextTry(wait) {
  if (!wait?.next_try_ms) return "";
  return ` ${t("nextTry", { attempts: wait.attempts, time: clock(wait.next_try_ms) })}`;
}

/** Sentences that say what the order waits for; each may offer an action. */
function reasons({ id, order, deliverable, payment, book, trace }) {
  const waits = trace?.waiting ?? [];
  const said = [];
  const verify = waits.find((wait) => wait.name === "verify-order");
  if (order.orderStatus === "Customer_Not_Verified" || order.orderStatus === "Book_Not_Verified") {
    const name = order.orderStatus === "Customer_Not_Verified" ? "customer" : "inventory";
    const state = stateOf(name);
    said.push({ text: t("waitVerify", { context: contextName(name), state: state ? t(`state.${state}`) : "?" }) + (verify ? nextTry(verify) : ""),
      action: ["verify", "POST", `/orders/${id}/verification`, {}], also: order.orderStatus === "Customer_Not_Verified" && state === "STOPPED" ? ["#operate", t("toOperate")] : null });
  }
  if (deliverable?.status === "Stock_Lacked") {
    const missing = Math.max(0, deliverable.quantity - (book?.stock ?? 0));
    said.push({ text: t("waitStock", { quantity: count(deliverable.quantity), stock: book ? count(book.stock) : "?", missing: count(missing) }),
      action: missing > 0 && book ? ["putInMissing", "POST", "/stockInputs", { bookId: order.bookId, quantity: missing, inCharger: "console" }, { missing: count(missing) }] : null });
  }
  const van = waits.find((wait) => wait.name === "ask-van");
  if (payment?.status === "PAYMENT_REQUESTED") {
    said.push({ text: t("waitPayment", { state: stateOf("van") ? t(`state.${stateOf("van")}`) : "?" }) + nextTry(van) });
  }
  for (const wait of waits) {
    if (wait.name === "verify-order" || wait.name === "ask-van") continue;
    said.push({ text: `${contextName(wait.context)}: ${wait.name}. ${wait.detail}${nextTry(wait)}`, also: ["#operate", t("toOperate")] });
  }
  return said;
}

function drawReasons(shown, refresh) {
  const said = reasons(shown);
  if (said.length === 0) return null;
  return el("section", { class: "waits", "aria-label": t("whyWaits") }, el("h2", {}, t("whyWaits")),
    said.map(({ text, action, also }) => el("div", { class: "wait" }, el("p", {}, text),
      action && actionButton(t(`act.${action[0]}`, action[4]), action[1], action[2], action[3], refresh),
      also && el("a", { href: also[0] }, also[1]))));
}

function actionButton(label, method, path, body, refresh, kind = "") {
  const wrong = el("span", { class: "wrong", role: "alert" });
  const button = el("button", { type: "button", class: kind, ...unlessHeMay(method, path) }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    wrong.textContent = "";
    try {
      await call(method, path, { body: method === "DELETE" ? undefined : body, record: true });
      say(t("done"));
      refresh();
    } catch (error) {
      wrong.textContent = error.message;
    }
    button.disabled = false;
  });
  return el("span", { class: "action" }, button, wrong);
}

const fact = (label, ...content) => el("div", {}, el("dt", {}, label), el("dd", {}, content));

function drawFacts({ id, order, delivery, deliverable, payment, book, customer }) {
  const known = (item, show) => (item ? show(item) : el("span", { class: "faint" }, t(item === null ? "none" : "notKnown")));
  return el("dl", { class: "facts" },
    fact(t("customer"), el("a", { href: `#orders?customer=${order.customerId}` }, `${customer?.customerName ?? "?"} (${order.customerId})`)),
    fact(t("book"), `${book?.bookName ?? "?"} (${order.bookId})`),
    fact(t("quantity"), count(order.quantity)),
    fact(t("amount"), money(order.payAmount), order.payType ? ` ${order.payType}` : ""),
    fact(t("address"), order.deliveryAddress ?? "–"),
    fact(t("context.inventory"), known(deliverable, (item) => status(item.status))),
    fact(t("context.delivery"), known(delivery, (item) => status(item.deliveryStatus))),
    fact(t("context.payment"), known(payment, (item) => status(item.status))),
    fact("API", el("a", { href: new URL(`orders/${id}`, base).href }, `/orders/${id}`)));
}

function drawEntry(entry, total) {
  const bar = el("i", { class: `span ${entry.kind}` });
  // Through the object model: the page's policy allows no style in markup.
  bar.style.left = `${total > 0 ? Math.min(98.8, (entry.since_start_ms / total) * 100) : 0}%`;
  bar.style.width = `${total > 0 ? Math.max(0.5, Math.min(100, ((entry.took_ms ?? 0) / total) * 100)) : 0.5}%`;
  return el("li", { class: `entry ${entry.kind}` },
    el("time", { title: clock(entry.at_ms, true) }, `+${duration(entry.since_start_ms)}`),
    el("span", { class: "gap" }, entry.gap_ms > 0 ? t("gap", { time: duration(entry.gap_ms) }) : ""),
    el("span", { class: "what" }, el("b", {}, entry.name), entry.context && el("span", { class: "where" }, contextName(entry.context)),
      entry.detail && el("span", { class: "detail" }, entry.detail)),
    el("span", { class: "took" }, entry.took_ms === null ? "" : t("took", { time: duration(entry.took_ms) })),
    el("span", { class: "track", "aria-hidden": "true" }, bar));
}

function drawTimeline(trace) {
  if (!trace) return empty(t("noTimeline"));
  const entries = trace.entries.slice(0, maxEntries);
  if (entries.length === 0) return empty(t("noEntries"));
  const total = Math.max(...entries.map((entry) => entry.since_start_ms + (entry.took_ms ?? 0)));
  return [el("p", { class: "faint" }, t("lasted", { time: duration(trace.lasted_ms), count: count(entries.length) })),
    el("ol", { class: "timeline" }, entries.map((entry) => drawEntry(entry, total))),
    trace.missing.length > 0 && el("p", { class: "faint small-text" }, `${t("missing")}: ${trace.missing.join("; ")}.`)];
}

function drawOrder(shown, refresh) {
  const { id, order, trace } = shown;
  return [
    el("div", { class: "order-head" }, el("h1", {}, t("orderTitle", { id })), status(order.orderStatus),
      order._links?.cancel && actionButton(t("cancel"), "DELETE", `/orders/${id}`, undefined, refresh, "danger")),
    drawReasons(shown, refresh), drawFacts(shown),
    el("h2", {}, t("timeline")), drawTimeline(trace),
  ].flat(2).filter(Boolean);
}

function mountOne(root, id) {
  const body = el("div", { class: "order" }, loading());
  root.append(el("p", {}, el("a", { href: "#orders" }, `‹ ${t("orders")}`)), searchForm(id, null), body);
  if (!/^[1-9][0-9]{0,15}$/.test(id)) {
    body.replaceChildren(empty(t("noNumber", { id })));
    return () => {};
  }
  let before = "";
  let due = 0;
  const work = async (signal) => {
    if (Date.now() < due) return;
    due = Date.now() + 4000;
    try {
      const shown = await readOrder(id, signal);
      const text = JSON.stringify(shown) + [...modules.values()].map((one) => one.state).join();
      if (text === before) return;
      if (body.contains(document.activeElement) && before !== "" && document.activeElement.matches("input, select")) return;
      const focused = body.contains(document.activeElement) ? document.activeElement.textContent : null;
      before = text;
      body.replaceChildren(...(shown ? drawOrder(shown, refresh) : [empty(t("noOrder", { id }))]));
      if (focused) [...body.querySelectorAll("button, a")].find((each) => each.textContent === focused)?.focus();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      before = "";
      body.replaceChildren(problem(error, () => refresh()));
    }
  };
  const polling = poll(work, 500);
  const refresh = () => { due = 0; polling.now(); };
  const mine = `"orderId":${id},`;
  const off = onEvents((events) => {
    if (events.some((event) => event.data.includes(mine))) refresh();
  });
  return () => { off(); polling.stop(); };
}

export function mount(root, rest, query) {
  return rest ? mountOne(root, rest) : mountList(root, query);
}
