// For operators: the contexts with their lag, what is parked, the circuit breakers, and the drills.
import { base, board, call, changeModule, columnHead, contextName, count, duration, el, embedded, empty, get, has, keep, kept, modules, onFeatures, onModules, orderLink, picture, poll, problem, say, setText, status, t, unlessHeMay } from "./console_base.js";
import { drills, drawDrill } from "./console_drills.js";
import { mountRequests } from "./console_play.js";

const parkedShown = 20;

// ---- contexts

function switchButton(name, state, wrong) {
  const verb = state === "STOPPED" ? "start" : "stop";
  const button = el("button", { type: "button", class: verb === "start" ? "small main" : "small", "data-key": `${name}-switch`, "aria-label": `${t(verb)}: ${contextName(name)}`, ...unlessHeMay("POST", `/modules/${name}/${verb}`) }, t(verb));
  button.addEventListener("click", async () => {
    button.disabled = true;
    setText(wrong, "");
    try {
      await changeModule(name, verb);
      say(t(verb === "stop" ? "stoppedOne" : "startedOne", { name: contextName(name) }));
    } catch (error) {
      setText(wrong, error.message);
    }
    button.disabled = false;
  });
  return button;
}

const cell = (label, ...content) => el("td", { "data-label": label }, content);

function drawModule(name, wrong) {
  const one = modules.get(name);
  const known = (value) => (value === undefined ? "–" : count(value));
  const lag = one?.lagEvents === undefined ? "–" : one.lagEvents === 0 ? "0" : `${count(one.lagEvents)} (${duration(one.lagSeconds * 1000)})`;
  const positions = (one?.subscriptions ?? []).map((each) => `${each.name} ${count(each.position)}`).join(", ");
  return el("tr", { class: one ? "" : "faint" },
    el("th", { scope: "row" }, contextName(name), el("code", { class: "faint" }, name)),
    cell(t("state"), one ? status(one.state) : t("state.ABSENT"), one?.reason && el("span", { class: "reason" }, one.reason), one?.peer && el("code", { class: "faint" }, one.peer)),
    cell(t("lag"), el("span", { class: (one?.lagSeconds ?? 0) > 1 ? "warn-text" : "" }, lag)),
    cell(t("positions"), positions || "–"), cell(t("outbox"), known(one?.outboxDepth)),
    cell(t("held"), known(one?.held)), cell(t("parked"), el("span", { class: one?.parked > 0 ? "bad-text" : "" }, known(one?.parked))),
    cell("", one && one.state !== "UNREACHABLE" && has("/modules/{name}/stop") && switchButton(name, one.state, wrong)));
}

function drawModules(wrong) {
  if (!picture.known) return el("p", { class: "state loading" }, t("loading"));
  return el("div", {},
    el("table", { class: "rows" },
      el("thead", {}, el("tr", {}, ["contextHead", "state", "lag", "positions", "outbox", "held", "parked", ""].map((key) => el("th", { scope: "col" }, columnHead(key))))),
      el("tbody", {}, board.contexts.map(({ name }) => drawModule(name, wrong)))),
    !has("/modules") && el("p", { class: "faint" }, t("noModulesApi")));
}

// ---- circuit breakers

function drawBreakers() {
  const all = board.contexts.flatMap(({ name }) => Object.entries(modules.get(name)?.breakers ?? {}).map(([key, breaker]) => [name, key, breaker]));
  if (all.length === 0) return empty(t("noBreakers"));
  return el("ul", { class: "breakers" }, all.map(([name, key, breaker]) => el("li", { class: "breaker" },
    el("div", {}, el("b", {}, `${contextName(name)}: ${key}`), " ", status(breaker.state)),
    el("p", { class: "faint" }, t("breakerCalls", { succeeded: count(breaker.calls?.succeeded ?? 0), failed: count(breaker.calls?.failed ?? 0), refused: count(breaker.calls?.refused ?? 0), opened: count(breaker.opened ?? 0) })),
    breaker.lastTransition && el("p", { class: "faint" }, `${breaker.lastTransition.from} → ${breaker.lastTransition.to}, ${breaker.lastTransition.at}: ${breaker.lastTransition.reason}`))));
}

// ---- parked events

function orderOf(key) {
  const id = /^order-(\d+)$/.exec(key)?.[1];
  return id ? orderLink(Number(id)) : el("code", {}, key);
}

function skipForm(item, after, wrong) {
  const id = `reason-${item.id}`;
  const reason = el("input", { id, maxlength: 255, required: true, autocomplete: "off" });
  const form = el("form", { class: "skip-form", hidden: true },
    el("label", { for: id }, t("reason")), reason, el("button", { type: "submit", class: "small danger" }, t("skip")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await act(`/parked/${item.id}/skip`, { reason: reason.value.trim() }, after, wrong);
  });
  return { form, reason };
}

async function act(path, body, after, wrong) {
  setText(wrong, "");
  try {
    await call("POST", path, { body, record: true });
    say(t("done"));
    after();
  } catch (error) {
    setText(wrong, error.message);
  }
}

function drawParked(item, after) {
  const wrong = el("p", { class: "wrong", role: "alert" });
  const { form, reason } = skipForm(item, after, wrong);
  const payload = typeof item.event.payload === "string" ? item.event.payload : JSON.stringify(item.event.payload, null, 2);
  return el("li", { class: "parked-one" },
    el("div", { class: "parked-head" }, status(item.state), el("b", {}, item.event.type), orderOf(item.event.key),
      el("span", { class: "faint" }, t("heldBy", { name: item.subscription, position: count(item.event.position) }))),
    item.error && el("p", { class: "error-text" }, item.error),
    el("p", { class: "faint" }, t("attempts", { count: item.attempts, first: item.firstTry, next: item.nextTry ?? "–" })),
    el("details", {}, el("summary", { "data-key": `${item.id}-payload` }, t("payload")), el("pre", { tabindex: 0 }, payload)),
    el("div", { class: "row" },
      item._links?.retry && el("button", { type: "button", class: "small main", "data-key": `${item.id}-retry`, click: () => act(`/parked/${item.id}/retry`, undefined, after, wrong) }, t("retry")),
      item._links?.skip && el("button", { type: "button", class: "small", "data-key": `${item.id}-skip`, "aria-expanded": "false", click: (event) => {
        form.hidden = !form.hidden;
        event.currentTarget.setAttribute("aria-expanded", String(!form.hidden));
        if (!form.hidden) reason.focus();
      } }, t("skipOne"))), form, wrong);
}

/** What keeps the list from being drawn anew. */
function closeAll(list) {
  for (const form of list.querySelectorAll("form")) form.hidden = true;
  for (const details of list.querySelectorAll("details")) details.open = false;
}

function drawParkedList(page, after) {
  const items = embedded(page, "parked");
  if (items.length === 0) return empty(t("noParked"));
  const wrong = el("p", { class: "wrong", role: "alert" });
  const owners = [...new Set(items.filter((item) => item.state === "PARKED").map((item) => item.module))];
  return el("div", {}, el("p", { class: "faint" }, t("parkedShown", { shown: count(items.length), total: count(page.page.totalElements) })),
    owners.length > 0 && el("div", { class: "row" }, owners.map((name) => el("button", { type: "button", class: "small", click: () => act(`/modules/${name}/parked/retry`, undefined, after, wrong) },
      t("retryAll", { name: contextName(name) })))), wrong,
    el("ul", { class: "parked-list" }, items.map((item) => drawParked(item, after))));
}

/** Keys without a modifier get in the way of who speaks to the computer. */
function drawKeys() {
  const box = el("input", { type: "checkbox", checked: kept("keys") !== "off" });
  box.addEventListener("change", () => keep("keys", box.checked ? "on" : "off"));
  return el("label", { class: "sure" }, box, el("span", {}, t("keysOn")));
}

function drawMore() {
  const paths = ["actuator/health", has("/metrics") && "metrics", "docs", "openapi.json"].filter(Boolean);
  return [t("moreFor"), ...paths.flatMap((path) => [" ", el("a", { href: new URL(path, base).href }, `/${path}`)])];
}

// ---- the view

export function mount(root) {
  const more = el("p", { class: "faint" });
  const table = el("div", {});
  const wrong = el("p", { class: "wrong", role: "alert" }); // outlives the table, which is drawn anew
  const breakers = el("div", {});
  const parked = el("div", {}, el("p", { class: "state loading" }, t("loading")));
  const side = el("aside", { class: "play-side" });
  const section = (key, ...content) => el("section", { class: "card", "aria-label": t(key) }, el("header", {}, el("h2", {}, t(key))), content);
  root.append(el("h1", {}, t("operate")), el("p", { class: "lead" }, t("operateLead")),
    el("div", { class: "play" }, el("div", { class: "play-people" },
      section("contexts", table, wrong),
      section("parkedEvents", el("p", { class: "faint" }, t("parkedLead")), parked),
      section("breakers", el("p", { class: "faint" }, t("breakersLead")), breakers),
      el("section", { "aria-label": t("drills") }, el("h2", {}, t("drills")), el("p", { class: "lead" }, t("drillsLead")), el("div", { class: "drills" }, drills.map(drawDrill))),
      drawKeys(), more), side));
  const endRequests = mountRequests(side);
  let before = "";
  const showModules = () => {
    const text = JSON.stringify([...modules]) + picture.known;
    if (text === before) return;
    before = text;
    const key = table.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    table.replaceChildren(drawModules(wrong));
    more.replaceChildren(...drawMore());
    breakers.replaceChildren(drawBreakers());
    if (key) table.querySelector(`[data-key="${key}"]`)?.focus();
  };
  let beforeParked = "";
  const polling = poll(async (signal) => {
    if (!has("/parked")) {
      parked.replaceChildren(empty(t("noParkedApi")));
      return;
    }
    try {
      const page = await get(`/parked?size=${parkedShown}`, { signal });
      const text = JSON.stringify(page);
      // Nobody's reason is wiped out while it is typed, nor a payload closed while it is read.
      if (text === beforeParked || parked.querySelector("form:not([hidden]), details[open]")) return;
      beforeParked = text;
      const key = parked.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      parked.replaceChildren(drawParkedList(page, () => { beforeParked = ""; closeAll(parked); polling.now(); }));
      if (key) parked.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      beforeParked = "";
      parked.replaceChildren(problem(error, () => polling.now()));
    }
  }, 2000);
  const ends = [onModules(showModules), onFeatures(() => { before = ""; showModules(); polling.now(); }), endRequests, polling.stop];
  showModules();
  return () => ends.forEach((end) => end());
}
