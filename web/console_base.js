// What every view is made of: elements, texts, requests, and what is known of the contexts.
// Whatever comes from the server becomes a text node or a property, never markup.
import { texts } from "./console_i18n.js";

export const base = new URL(".", location.href.split(/[?#]/)[0]); // the API lies beside this page

// ---- elements

const svgNames = new Set(["svg", "path", "circle", "line", "g", "polyline", "rect"]);

/** An element; functions in `properties` are listeners; false, null and undefined are left out. */
export function el(name, properties, ...children) {
  const element = svgNames.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

/** Sets a text only where it differs: most of a view stays as it is. */
export function setText(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function setClass(element, name, on) {
  if (element.classList.contains(name) !== Boolean(on)) element.classList.toggle(name, Boolean(on));
}

// ---- settings that are kept

export function kept(name) {
  try { return localStorage.getItem(`bookstore.${name}`); } catch { return null; }
}

export function keep(name, value) {
  try { localStorage.setItem(`bookstore.${name}`, value); } catch { /* for this page alone, then */ }
}

// ---- language

export const languages = ["en", "ko"];

function firstLanguage() {
  const chosen = kept("language");
  if (languages.includes(chosen)) return chosen;
  for (const wanted of navigator.languages ?? [navigator.language]) {
    const short = String(wanted).slice(0, 2).toLowerCase();
    if (languages.includes(short)) return short;
  }
  return "en";
}

let language = firstLanguage();
export const currentLanguage = () => language;

export function setLanguage(wanted) {
  language = wanted;
  keep("language", wanted);
  document.documentElement.lang = wanted;
}

/** The text of that key; {names} are replaced. */
export function t(key, values) {
  const text = texts[language][key] ?? texts.en[key] ?? key;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text;
}

/** As t(), or what the server called it where there is no text of ours: a context may be newer than this page. */
export function texted(key, fallback, values) {
  const known = texts[language][key] ?? (language === "en" ? undefined : texts.en[key]);
  const text = known ?? fallback;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text;
}

export const contextName = (name) => texted(`context.${name}`, name);

const number = { en: new Intl.NumberFormat("en"), ko: new Intl.NumberFormat("ko") };
export const count = (value) => number[language].format(value);

/** An amount as the API writes it: 1000.0, 12.5, 12.34. */
export const money = (value) => (value === null || value === undefined ? "–" : Number.isInteger(value) ? value.toFixed(1) : String(value));

export function duration(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

export function clock(ms, withMs = false) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return "";
  const two = (n) => String(n).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withMs ? `${time}.${String(date.getMilliseconds()).padStart(3, "0")}` : time;
}

/** An event's yyyyMMddHHmmss (UTC), as ms since 1970. */
export function eventTime(text) {
  const m = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text ?? "");
  return m ? Date.UTC(+m[1], m[2] - 1, +m[3], +m[4], +m[5], +m[6]) : NaN;
}

// ---- requests

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

/** The same request for a terminal; a token is not shown, but a variable in its place. */
export function curlOf({ method, url, body, asked }) {
  const parts = ["curl", "-i"];
  if (method !== "GET") parts.push("-X", method);
  parts.push(quoted(url));
  if (asked) parts.push("-H", '"Authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push("-H", quoted("Content-Type: application/json"), "-d", quoted(body));
  return parts.join(" ");
}

// ---- who asks, where the server wants to know (--auth)

let token = ""; // in this page's memory alone: it is stored nowhere, and goes with the page
let guard = null; // {claim, operations: [{method, matcher, roles}]}; null: the server asks nobody
const whoListeners = new Set();

export const isGuarded = () => guard !== null;
export const hasToken = () => token !== "";
export const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});
export function onWho(listener) {
  whoListeners.add(listener);
}

/** An empty text forgets it. */
export function setToken(text) {
  token = text.trim().replace(/^Bearer +/i, "");
  for (const listener of whoListeners) listener();
}

/** What a JSON Web Token claims, or nothing: for showing alone, the server verifies it. */
function claimsOf(text) {
  try {
    const part = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
  } catch {
    return {};
  }
}

/** A member of that name, or what the path by dots leads to. */
function claimAt(claims, path) {
  if (claims === null || typeof claims !== "object") return undefined;
  if (path in claims) return claims[path];
  for (let dot = path.indexOf("."); dot >= 0; dot = path.indexOf(".", dot + 1)) {
    const found = claimAt(claims[path.slice(0, dot)], path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

export function rolesNow() {
  const claim = guard && token ? claimAt(claimsOf(token), guard.claim) : undefined;
  return Array.isArray(claim) ? claim.map(String) : typeof claim === "string" ? claim.split(" ").filter(Boolean) : [];
}

/** The roles of which one is needed; none: it is everybody's, or the server asks nobody. */
export function rolesFor(method, path) {
  const plain = path.replace(/[?#].*$/, "");
  return guard?.operations.find((one) => one.method === method && one.matcher.test(plain))?.roles ?? [];
}

export function may(method, path) {
  const needed = rolesFor(method, path);
  if (needed.length === 0) return true;
  const held = rolesNow();
  return needed.some((role) => held.includes(role));
}

/** Of a button: what it takes, where who asks has not got it. */
export const unlessHeMay = (method, path) =>
  (may(method, path) ? {} : { disabled: true, title: t("needsRole", { roles: rolesFor(method, path).join(" / ") }) });

function readGuard(api) {
  const scheme = Object.values(api?.components?.securitySchemes ?? {}).find((one) => one.scheme === "bearer");
  if (!scheme) return null;
  const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{[^}]*\}/g, "[^/]+");
  return {
    claim: scheme["x-roles-claim"] ?? "roles",
    operations: Object.entries(api.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(), matcher: new RegExp(`^${escaped(path)}$`), roles: operation["x-roles"] ?? [],
    }))),
  };
}

const maxLog = 30;
const maxShown = 20_000; // characters of an answer that the log keeps
export const requestLog = []; // newest first
const logListeners = new Set();
export function onRequest(listener) {
  logListeners.add(listener);
  return () => logListeners.delete(listener);
}

function remember(entry) {
  requestLog.unshift(entry);
  requestLog.length = Math.min(requestLog.length, maxLog);
  for (const listener of logListeners) listener(entry);
}

/** An answer that is no 2xx, or none at all (status 0). */
export class Refused extends Error {
  constructor(message, answer) {
    super(message);
    this.answer = answer;
  }
}

function messageOf(answer) {
  const errors = Array.isArray(answer.json?.errors) ? answer.json.errors : [];
  if (errors.length > 0) return errors.map((one) => `${one.field} ${one.message}`).join("; ");
  if (typeof answer.json?.message === "string" && answer.json.message) return answer.json.message;
  return answer.status ? `${answer.status} ${answer.reason}` : t("unreachable");
}

/**
 * Sends a request of the API. `record`: it is shown with its curl line. Returns what was answered,
 * {status, json, text, ms, location}; throws Refused unless it is 2xx or one of `also`.
 */
export async function call(method, path, { body, record = false, also = [], signal, type = "application/hal+json" } = {}) {
  const url = new URL(path.replace(/^\//, ""), base).href;
  if (!record && path !== description) await firstLook;
  // What somebody does is for the server to judge; what the page looks at by itself is not asked for in vain, again and again.
  if (!record && !may(method, path)) throw new Refused(t("needsRole", { roles: rolesFor(method, path).join(" / ") }), { status: hasToken() ? 403 : 401 });
  const sent = { method, url, path, body: body === undefined ? undefined : JSON.stringify(body), at: Date.now(), asked: hasToken() };
  const started = performance.now();
  const answer = { status: 0, reason: "", json: undefined, text: "", ms: 0, location: "" };
  try {
    const response = await fetch(url, {
      method, signal, cache: "no-store", credentials: "omit",
      // A GET that does something (/makeZombie) is refused to what any page could embed; this no other page can send.
      headers: { Accept: type, "X-Requested-With": "console", ...authorization(), ...(sent.body !== undefined && { "Content-Type": "application/json" }) },
      body: sent.body,
    });
    answer.status = response.status;
    answer.reason = response.statusText;
    answer.location = response.headers.get("Location") ?? "";
    answer.text = await response.text();
    if (/json/.test(response.headers.get("Content-Type") ?? "")) {
      try { answer.json = JSON.parse(answer.text); } catch { answer.json = undefined; }
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    answer.status = 0;
  }
  answer.ms = performance.now() - started;
  if (record) remember({ ...sent, status: answer.status, reason: answer.reason, ms: answer.ms, answer: answer.text.slice(0, maxShown) });
  const good = (answer.status >= 200 && answer.status < 300) || also.includes(answer.status);
  if (!good) throw new Refused(messageOf(answer), answer);
  return answer;
}

export const get = (path, options) => call("GET", path, options).then((answer) => answer.json);

/** The same, but nothing where it is not there. */
export async function find(path, options) {
  try {
    return await get(path, options);
  } catch (error) {
    if (error instanceof Refused && [400, 404].includes(error.answer.status)) return null;
    throw error;
  }
}

export const idOf = (item) => Number(String(item?._links?.self?.href ?? "").replace(/\{.*$/, "").split("/").pop());
export const idOfLocation = (answer) => Number(answer.location.split("/").pop());
export const embedded = (page, name) => page?._embedded?.[name] ?? [];

// ---- what this server can do

const description = "/openapi.json";
let paths = null; // of /openapi.json; null: not read yet
const featureListeners = new Set();

export const featuresKnown = () => paths !== null;

let hasLooked;
/** What the page looks at by itself waits for it: it is not asked for in vain, where who asks needs a token. */
const firstLook = new Promise((resolve) => { hasLooked = resolve; });

export async function readFeatures() {
  try {
    const api = await get(description, { type: "application/json" });
    paths = new Set(Object.keys(api?.paths ?? {}));
    guard = readGuard(api);
  } finally {
    hasLooked();
  }
  for (const listener of featureListeners) listener();
}

/** Whether the server has that path; true as long as that is not known. */
export const has = (path) => paths === null || paths.has(path);
export function onFeatures(listener) {
  featureListeners.add(listener);
  return () => featureListeners.delete(listener);
}

// ---- polling

/** Calls `work(signal)` now and again `ms` after it ended, but not while nobody looks. Returns {stop, now}. */
export function poll(work, ms) {
  const abort = new AbortController();
  let timer = 0;
  let running = false;
  let again = false;
  const schedule = (delay) => {
    clearTimeout(timer);
    if (!abort.signal.aborted) timer = setTimeout(run, delay);
  };
  const run = async () => {
    if (abort.signal.aborted) return;
    if (document.hidden) return schedule(ms);
    running = true;
    again = false;
    try {
      await work(abort.signal);
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof Refused)) console.error(error);
    }
    running = false;
    schedule(again ? 50 : ms);
  };
  run();
  return {
    stop: () => { abort.abort(); clearTimeout(timer); },
    now: () => { if (running) again = true; else schedule(0); },
  };
}

// ---- what is known of the contexts

/** What every context declares, as GET /board has it: {name, commands, publishes, policies, readModels, asks, collections}. */
export const board = { contexts: [] };

export async function readBoard() {
  board.contexts = (await get("/board")).contexts;
}

/** By name: {state, reason, lagEvents, lagSeconds, held, parked, outboxDepth, subscriptions, breakers}. */
export const modules = new Map();
export const picture = { known: false, relay: "UP", up: true };
const moduleListeners = new Set();
export function onModules(listener) {
  moduleListeners.add(listener);
  return () => moduleListeners.delete(listener);
}

const healthStates = { UP: "RUNNING", STOPPED: "STOPPED", DOWN: "DOWN" };

function takeHealth(health) {
  const components = health?.components ?? {};
  for (const [name, component] of Object.entries(components)) {
    if (name === "relay") {
      picture.relay = component.status;
      continue;
    }
    const one = modules.get(name) ?? {};
    one.state = healthStates[component.status] ?? component.status;
    one.reason = component.details?.reason ?? "";
    one.breakers = component.details?.circuitBreakers ?? {};
    one.peer = component.peer;
    modules.set(name, one);
  }
  for (const name of [...modules.keys()]) if (!components[name]) modules.delete(name);
  picture.up = health?.status === "UP";
}

function takeModule(module) {
  const one = modules.get(module.name) ?? {};
  const subscriptions = Array.isArray(module.subscriptions) ? module.subscriptions : [];
  const most = (key) => (module.state === "UNREACHABLE" ? undefined : Math.max(0, ...subscriptions.map((each) => each[key])));
  Object.assign(one, {
    // A context that is ill is DOWN in the health and RUNNING here.
    state: one.state === "DOWN" && module.state === "RUNNING" ? "DOWN" : module.state,
    outboxDepth: module.outboxDepth, held: module.held, parked: module.parked, subscriptions,
    lagEvents: most("lagEvents"), lagSeconds: most("lagSeconds"), peer: module.peer ?? one.peer,
  });
  modules.set(module.name, one);
}

/** Asks how the contexts are. */
export async function lookAtModules(signal) {
  const health = await call("GET", "/actuator/health", { also: [503], signal, type: "application/json" });
  takeHealth(health.json);
  if (has("/modules") && may("GET", "/modules")) {
    try {
      for (const module of embedded(await get("/modules", { signal }), "modules")) takeModule(module);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }
  picture.known = true;
  for (const listener of moduleListeners) listener();
}

/** Stops or starts a context; shown with its curl line. */
export async function changeModule(name, verb) {
  const answer = await call("POST", `/modules/${name}/${verb}`, { record: true });
  if (answer.json?.name) takeModule(answer.json);
  for (const listener of moduleListeners) listener();
  return answer;
}

// ---- small parts that views share

/** How something failed, with a way on. */
export function problem(error, retry) {
  if (error instanceof Refused && [401, 403].includes(error.answer.status)) return empty(error.message); // nothing has failed
  return el("div", { class: "state bad", role: "alert" },
    el("p", {}, el("b", {}, t("failed"))), el("p", {}, error?.message ?? String(error)),
    retry && el("button", { type: "button", click: retry }, t("tryAgain")));
}

export const loading = () => el("p", { class: "state loading", role: "status" }, t("loading"));
export const empty = (text, ...more) => el("div", { class: "state" }, el("p", {}, text), more);

/** For those who do not see it. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = "";
  said.textContent = text;
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Away from localhost and https there is no clipboard API.
    const area = el("textarea", { readonly: true, class: "visually-hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = t("copied");
  setTimeout(() => { button.textContent = t("copy"); }, 1500);
}

/** A line of a terminal with a button to copy it. */
export function commandLine(text) {
  return el("div", { class: "cmd" }, el("code", { tabindex: 0 }, text),
    el("button", { type: "button", class: "small", click: (event) => copy(text, event.currentTarget) }, t("copy")));
}

const tones = {
  ORDERED: "plain", Delivery_Prepared: "good", Shipped: "good", InTransit: "good", Delivered: "good", Returned: "warn",
  CANCELED: "off", CancelDelivery: "off", DeliveryCanceled: "off", CreateDelivery: "plain",
  Customer_Not_Verified: "warn", Book_Not_Verified: "warn", Stock_Lacked: "warn",
  PAYMENT_REQUESTED: "warn", PAYMENT_COMPLETED: "good", PAYMENT_FAILED: "bad", PAYMENT_CANCELED: "off",
  RUNNING: "good", STARTING: "warn", STOPPED: "off", DOWN: "bad", UNREACHABLE: "bad", PARKED: "bad", RETRYING: "warn", WAITING: "plain", SKIPPED: "off",
  closed: "good", open: "bad", "half-open": "warn", half_open: "warn", CLOSED: "good", OPEN: "bad", HALF_OPEN: "warn",
};

/** Of a table's column; without a key, of that with the buttons. */
export const columnHead = (key) => (key ? t(key) : el("span", { class: "visually-hidden" }, t("actions")));

/** A status, in the contract's own word. */
export const status = (word) => el("span", { class: `status ${tones[word] ?? "plain"}` }, word ?? "–");

export function orderLink(id) {
  return el("a", { href: `#orders/${id}` }, `#${id}`);
}
