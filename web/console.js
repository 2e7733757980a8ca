// The shell: views by the hash, the connection, language and theme. Read this first.
import { board, currentLanguage, el, featuresKnown, hasToken, isGuarded, kept, keep, languages, lookAtModules, may, modules, onFeatures, onModules, onWho, picture, poll, readBoard, readFeatures, Refused, rolesNow, setLanguage, setText, setToken, t } from "./console_base.js";
import { connectNow, follow, onAnew, onEvents, onStream, startBefore, stream } from "./console_events.js";
import * as live from "./console_live.js";
import * as orders from "./console_orders.js";
import * as play from "./console_play.js";
import * as operate from "./console_operate.js";

const views = { live, orders, play, operate };
const names = Object.keys(views);

const main = document.getElementById("main");
const bar = document.getElementById("bar");
const notice = document.getElementById("notice");
let unmount = () => {};
let current = "";

// ---- views

function route() {
  const [path, query] = decodeHash().split("?");
  const [name, ...rest] = path.split("/");
  return { name: views[name] ? name : "live", rest: rest.join("/"), query: new URLSearchParams(query ?? "") };
}

function decodeHash() {
  const text = location.hash.slice(1);
  try { return decodeURIComponent(text); } catch { return text; }
}

function show({ focus = true } = {}) {
  const { name, rest, query } = route();
  unmount();
  const root = el("div", { class: `view view-${name}` });
  main.replaceChildren(root);
  unmount = views[name].mount(root, rest, query);
  document.title = `${t(name)} – ${t("title")}`;
  for (const link of bar.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (focus && current !== location.hash) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  current = location.hash;
}

// ---- theme and language

const themes = ["auto", "light", "dark"];
const themeNow = () => { const theme = kept("theme"); return themes.includes(theme) ? theme : "auto"; };

function setTheme(theme) {
  keep("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function choice(id, label, options, value, change) {
  const select = el("select", { id, "aria-label": label }, options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
  select.addEventListener("change", () => change(select.value));
  return select;
}

// ---- who asks

/** A field for a token, and then what it is good for. */
function drawWho() {
  if (!isGuarded()) return null;
  if (hasToken()) {
    const roles = rolesNow();
    return el("span", { class: "who", id: "who" }, el("span", { class: "roles", title: t("rolesNow") }, roles.length > 0 ? roles.join(", ") : t("noRoles")),
      el("button", { type: "button", class: "small", id: "forget-token", click: () => setToken("") }, t("forgetToken")));
  }
  // No name and no form of a password's: browsers offer to keep those.
  const input = el("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", placeholder: t("token"), "aria-label": t("token") });
  return el("form", { class: "who", id: "who", submit: (event) => { event.preventDefault(); setToken(input.value); } },
    input, el("button", { type: "submit", class: "small" }, t("useToken")));
}

// ---- the bar

function drawBar() {
  const link = el("span", { class: "link-state", id: "link-state" }, el("i", {}), el("span", {}));
  bar.replaceChildren(
    el("a", { class: "brand", href: "#live" }, t("title")),
    el("nav", { "aria-label": t("views") }, names.map((name, i) =>
      el("a", { href: `#${name}`, "aria-keyshortcuts": String(i + 1) }, t(name), name === "operate" && el("b", { class: "badge", id: "badge", hidden: true })))),
    el("div", { class: "bar-end" }, drawWho(), link,
      choice("language", t("language"), languages.map((one) => [one, { en: "English", ko: "한국어" }[one]]), currentLanguage(), (value) => {
        setLanguage(value);
        drawAll();
        document.getElementById("language").focus();
      }),
      choice("theme", t("theme"), themes.map((one) => [one, t(`theme.${one}`)]), themeNow(), setTheme)));
  setText(document.getElementById("skip"), t("skipTo"));
  showLink();
  showBadge();
}

let countdown = 0;

function showLink() {
  const link = document.getElementById("link-state");
  if (!link) return;
  link.className = `link-state ${stream.state}`;
  link.dataset.state = stream.state;
  const refused = stream.refused && stream.state !== "open";
  setText(link.lastChild, t(refused ? "link.refused" : `link.${stream.state}`));
  const lost = stream.state === "waiting" || (stream.state === "connecting" && !notice.hidden && notice.dataset.says === "lost");
  clearInterval(countdown);
  if (refused) return showUnknown();
  if (stream.begunAnew && !lost) return showAnew();
  notice.hidden = !lost;
  if (!lost) return;
  if (!notice.firstChild || notice.lang !== currentLanguage() || notice.dataset.says !== "lost") {
    notice.lang = currentLanguage();
    notice.dataset.says = "lost";
    notice.replaceChildren(el("span", {}, t("lost")), " ", el("span", { "aria-live": "off" }), " ", el("button", { type: "button", class: "small", click: connectNow }, t("connectNow")));
  }
  const tick = () => setText(notice.children[1], stream.state === "waiting"
    ? t("again", { seconds: Math.max(0, Math.ceil((stream.retryAt - Date.now()) / 1000)) }) : t("link.connecting"));
  tick();
  countdown = setInterval(tick, 500);
}

/** The server does not say what happens to whoever asks. */
function showUnknown() {
  notice.lang = currentLanguage();
  notice.dataset.says = "unknown";
  notice.hidden = false;
  notice.replaceChildren(el("span", {}, t(hasToken() ? "tokenLacks" : "tokenNeeded")));
}

/** The log is not the one that this page has followed: it stays until somebody has read it. */
function showAnew() {
  notice.lang = currentLanguage();
  notice.dataset.says = "anew";
  notice.hidden = false;
  notice.replaceChildren(el("span", {}, t(stream.begunAnew === 410 ? "logCut" : "logAnew")), " ",
    el("button", { type: "button", class: "small", click: () => { stream.begunAnew = 0; notice.hidden = true; } }, t("gotIt")));
}

function showBadge() {
  const badge = document.getElementById("badge");
  if (!badge) return;
  const troubles = [...modules.values()].reduce((sum, one) => sum + (one.parked ?? 0) + (["DOWN", "STOPPED", "UNREACHABLE"].includes(one.state) ? 1 : 0), 0);
  badge.hidden = !picture.known || troubles === 0;
  setText(badge, troubles);
  badge.title = t("troubles");
}

function drawAll() {
  document.documentElement.lang = currentLanguage();
  drawBar();
  show({ focus: false });
}

// ---- keys

addEventListener("keydown", (event) => {
  if (kept("keys") === "off" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const view = names[Number(event.key) - 1];
  if (view) {
    location.hash = `#${view}`;
    event.preventDefault();
  } else if (event.key === "/") {
    if (route().name !== "orders") location.hash = "#orders";
    event.preventDefault();
    setTimeout(() => document.getElementById("order-id")?.focus(), 60);
  }
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the view's
  main.focus();
});

// ---- begin

addEventListener("hashchange", () => show());
onStream(() => {
  showLink();
  if (stream.state !== "open") return;
  looking.now();
  if (!featuresKnown() || board.contexts.length === 0) learn().catch(() => {}); // the server came later than this page
});
onModules(showBadge);
let drawnGuarded = false;
onFeatures(() => {
  if (isGuarded() === drawnGuarded) return;
  drawnGuarded = isGuarded();
  drawAll(); // who may do what was not known before
});
onWho(() => {
  drawAll();
  findStart().then(connectNow);
});
onAnew(() => { if (route().name === "live") show({ focus: false }); });
drawAll();

/** What this server has, and what its contexts declare: the views that show them are drawn then. */
async function learn() {
  await readFeatures();
  if (board.contexts.length > 0 || !may("GET", "/board")) return;
  await readBoard();
  if (["live", "operate"].includes(route().name)) show({ focus: false });
}

/** The contexts' cursors say where the log ends: the last events before it are shown at once. */
async function findStart() {
  try {
    await learn();
    await lookAtModules();
    if (stream.total > 0) return;
    const ends = [...modules.values()].flatMap((one) => one.subscriptions ?? []).map((each) => each.position);
    if (ends.length > 0) startBefore(Math.max(...ends));
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
  }
}

let soon = 0;
const looking = poll(lookAtModules, 2000);
onEvents(() => {
  // Where something happens the contexts are looked at more often, yet not for each event.
  if (soon) return;
  soon = setTimeout(() => { soon = 0; looking.now(); }, 700);
});
findStart().then(follow);
