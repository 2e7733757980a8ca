// The drills of the original, as far as a browser can play them; each says what is going to be seen.
import { Refused, base, call, changeModule, commandLine, contextName, duration, el, find, get, has, idOfLocation, isGuarded, modules, orderLink, t } from "./console_base.js";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const recorded = { record: true };

class Failed extends Error {}

/** Asks until the answer is right; says so when it never was. */
async function until(ask, ms = 30_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await ask();
    if (value) return value;
    if (Date.now() > end) throw new Failed(t("drill.never"));
    await sleep(200);
  }
}

async function given(stock = 100) {
  const customer = idOfLocation(await call("POST", "/customers", { body: { customerName: "drill" }, ...recorded }));
  const book = idOfLocation(await call("POST", "/books", { body: { bookName: "Drill", stock }, ...recorded }));
  return { customer, book };
}

async function place({ customer, book }, quantity = 1, payAmount = 1000) {
  const answer = await call("POST", "/orders", { body: { bookId: book, customerId: customer, quantity, deliveryAddress: "busan si", payAmount, payType: "ONCE" }, ...recorded });
  return { id: idOfLocation(answer), status: answer.json?.orderStatus };
}

const orderStatus = async (id) => (await get(`/orders/${id}`)).orderStatus;
const paymentOf = async (id) => (await find(`/payments/search/findByOrderId?orderId=${id}`))?.status;

async function withStopped(name, step, work) {
  await step(t("drill.stop", { name: contextName(name) }), () => changeModule(name, "stop"));
  let started = false;
  const start = () => { started = true; return changeModule(name, "start"); };
  try {
    await work(start);
  } finally {
    if (!started) await changeModule(name, "start").catch(() => {});
  }
}

// step(text, action) shows the text, runs the action, shows what it returned (a node or a text).

async function noStock(step) {
  const people = await step(t("drill.given"), async () => given(1), () => "");
  const order = await step(t("drill.orderMore"), async () => place(people, 5), (one) => orderLink(one.id));
  await step(t("drill.lacked"), () => until(async () => (await find(`/deliverables/search/findByOrderId?orderId=${order.id}`))?.status === "Stock_Lacked"));
  await step(t("drill.putIn"), () => call("POST", "/stockInputs", { body: { bookId: people.book, quantity: 4 }, ...recorded }));
  await step(t("drill.shipped"), () => until(async () => (await orderStatus(order.id)) === "Shipped"));
}

async function customerStopped(step) {
  const people = await step(t("drill.given"), () => given(), () => "");
  await withStopped("customer", step, async (start) => {
    const order = await step(t("drill.placeUnverified"), () => place(people), (one) => [orderLink(one.id), ` ${one.status}`]);
    if (order.status !== "Customer_Not_Verified") throw new Failed(t("drill.unexpected", { what: order.status }));
    await step(t("drill.noEvent"), async () => {
      await sleep(1000);
      const seen = await call("GET", `/events?key=order-${order.id}&follow=false&type=Ordered`, { type: "text/event-stream" });
      if (seen.text.includes("Ordered")) throw new Failed(t("drill.unexpected", { what: "Ordered" }));
    });
    await step(t("drill.start", { name: t("context.customer") }), start);
    await step(t("drill.verified"), () => until(async () => !/_Not_Verified$/.test(await orderStatus(order.id))));
    await step(t("drill.shipped"), () => until(async () => (await orderStatus(order.id)) === "Shipped"));
  });
}

async function vanStopped(step) {
  const people = await step(t("drill.given"), () => given(), () => "");
  await withStopped("van", step, async (start) => {
    const order = await step(t("drill.place"), () => place(people), (one) => orderLink(one.id));
    await step(t("drill.requested"), () => until(async () => (await paymentOf(order.id)) === "PAYMENT_REQUESTED"));
    await step(t("drill.shippedAnyway"), () => until(async () => (await orderStatus(order.id)) === "Shipped"));
    await step(t("drill.start", { name: t("context.van") }), start);
    await step(t("drill.payed"), () => until(async () => (await paymentOf(order.id)) === "PAYMENT_COMPLETED", 60_000));
  });
}

async function payNothing(step) {
  await step(t("drill.askZero"), async () => {
    const answer = await call("GET", "/requestPayment?payment=0", { type: "text/plain", ...recorded });
    return `${answer.text} (${duration(answer.ms)})`;
  }, (text) => text);
}

const openBreaker = () => Object.values(modules.get("van")?.breakers ?? {}).some((one) => !/^closed$/i.test(one.state));

async function breaker(step) {
  const people = await step(t("drill.given"), () => given(1000), () => "");
  const orders = await step(t("drill.place20"), async () => Promise.all(Array.from({ length: 20 }, () => place(people, 1, 0))), (all) => orderLink(all[0].id));
  await step(t("drill.failed20"), () => until(async () => (await paymentOf(orders[19].id)) === "PAYMENT_FAILED", 60_000));
  if (Object.keys(modules.get("van")?.breakers ?? {}).length > 0) await step(t("drill.isOpen"), () => until(openBreaker));
  const order = await step(t("drill.placeWhileOpen"), () => place(people), (one) => orderLink(one.id));
  await step(t("drill.payedAfter"), () => until(async () => (await paymentOf(order.id)) === "PAYMENT_COMPLETED", 90_000));
}

async function readiness(step) {
  let ready = 0;
  const probes = 40;
  await step(t("drill.probe"), async () => {
    for (let i = 0; i < probes; ++i) {
      const answer = await call("GET", "/isReady", { also: [503] }).catch((error) => error.answer);
      if (answer?.status === 200) ++ready;
      await sleep(250);
    }
    return t("drill.availability", { percent: ((100 * ready) / probes).toFixed(2), ready, probes });
  }, (text) => text);
}

async function liveness(step) {
  await step("GET /isHealthy", async () => String((await call("GET", "/isHealthy", { also: [500], ...recorded })).status), (text) => text);
  await step("GET /makeZombie", () => call("GET", "/makeZombie", recorded));
  await step("GET /isHealthy", async () => {
    const answer = await call("GET", "/isHealthy", { also: [500], ...recorded });
    return `${answer.status} ${answer.json?.message ?? ""}`;
  }, (text) => text);
}

const siege = (arguments_, path) => () => `siege ${arguments_} '${new URL(path, base).href}'`;
const canStop = "/modules/{name}/stop";

export const drills = [
  { key: "noStock", run: noStock, plays: true },
  { key: "customerStopped", run: customerStopped, plays: true, needs: canStop },
  { key: "vanStopped", run: vanStopped, plays: true, needs: canStop },
  { key: "payNothing", run: payNothing, plays: true, lasts: 5, command: siege("-c20 -r1", "requestPayment?payment=0") },
  { key: "breaker", run: breaker, lasts: 30 },
  { key: "readiness", run: readiness, lasts: 10, command: siege("-c2 -t120S -v", "isReady") },
  { key: "liveness", run: liveness, sure: true },
  { key: "autoscale", command: siege("-c10 -t60S -v", "requestPayment?payment=1000") },
];

/** A card with what is going to be seen, a button, and what was seen. */
export function drawDrill(drill) {
  const steps = el("ol", { class: "steps", "aria-live": "polite" });
  // Who plays a new customer, a book manager and an operator at once would need a token for each.
  const alone = drill.plays && isGuarded();
  const possible = !alone && (!drill.needs || has(drill.needs));
  const button = drill.run && el("button", { type: "button", class: "main small", disabled: !possible, "data-drill": drill.key }, t("runDrill"));
  const sure = drill.sure && el("label", { class: "sure" }, el("input", { type: "checkbox" }), el("span", {}, t("drill.sure")));
  const step = async (text, action, show) => {
    const seen = el("span", { class: "seen" });
    const line = el("li", { class: "doing" }, el("span", {}, text), " ", seen);
    steps.append(line);
    const began = performance.now();
    try {
      const result = await action();
      const shown = show?.(result);
      if (shown) seen.append(...[shown].flat());
      seen.append(el("span", { class: "faint" }, ` ${duration(performance.now() - began)}`));
      line.className = "did";
      return result;
    } catch (error) {
      line.className = "failed";
      throw error;
    }
  };
  button?.addEventListener("click", async () => {
    if (sure && !sure.firstChild.checked) {
      steps.replaceChildren(el("li", { class: "failed" }, t("drill.tick")));
      return;
    }
    button.disabled = true;
    steps.replaceChildren();
    try {
      await drill.run(step);
      steps.append(el("li", { class: "did end" }, t("drill.over")));
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Failed)) console.error(error);
      steps.append(el("li", { class: "failed end" }, error.message));
    }
    button.disabled = false;
  });
  return el("section", { class: "card drill", "aria-label": t(`drill.${drill.key}`) }, el("h3", {}, t(`drill.${drill.key}`)),
    el("p", {}, t(`drill.${drill.key}Sees`)),
    drill.lasts && el("p", { class: "faint" }, t("drill.lasts", { seconds: drill.lasts })),
    drill.command && commandLine(drill.command()), sure,
    button && el("div", { class: "row" }, button, !possible && el("span", { class: "faint" }, t(alone ? "drill.alone" : "noModulesApi"))), steps);
}
