// The board: contexts with their commands, events and policies, and the events that flow between
// them through the topic. Cards are HTML; what moves is an SVG laid over them.
import { board, changeModule, clock, contextName, count, duration, el, eventTime, get, has, modules, onModules, orderLink, picture, poll, Refused, say, setClass, setText, t, texted, unlessHeMay } from "./console_base.js";
import { onAnew, onEvents, rate, stream } from "./console_events.js";

const maxDots = 90;
const maxFeed = 40;
const lagShown = 1; // s: what is younger is on its way
const dotGap = 90; // ms between two dots of one type; those in between make the next one larger
const legMs = 650;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// ---- what is kept of the events, also while another view is shown

const recent = []; // newest first
const totals = new Map(); // of the collection of a context
onEvents((events) => {
  for (const event of events.slice(-maxFeed)) recent.unshift(event);
  recent.length = Math.min(recent.length, maxFeed);
});
onAnew(() => { recent.length = 0; });

function summary(event) {
  let fields = {};
  try { fields = JSON.parse(event.data); } catch { /* shown without, then */ }
  return fields;
}

const told = (fields) => fields.deliveryStatus ?? fields.payStatus ?? fields.orderStatus ?? fields.status ?? fields.bookName ?? "";

// ---- dots

/** The corners of a way from one sticky to the topic, or from the topic to one. */
function wayBetween(from, to, axis) {
  return axis === "x" ? [[from.x, from.y], [from.x, from.line], [to.x, to.line], [to.x, to.y]]
    : [[from.x, from.y], [from.line, from.y], [to.line, to.y], [to.x, to.y]];
}

function lengthOf(points) {
  let sum = 0;
  for (let i = 1; i < points.length; ++i) sum += Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
  return sum;
}

function pointAt(points, distance) {
  for (let i = 1; i < points.length; ++i) {
    const [x0, y0] = points[i - 1];
    const [x1, y1] = points[i];
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (distance <= length && length > 0) {
      const part = distance / length;
      return [x0 + (x1 - x0) * part, y0 + (y1 - y0) * part];
    }
    distance -= length;
  }
  return points[points.length - 1];
}

const eased = (part) => (part < 0.5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2);

class Dots {
  constructor(svg) {
    this.svg = svg;
    this.free = [];
    this.moving = [];
    for (let i = 0; i < maxDots; ++i) {
      const circle = el("circle", { class: "dot", r: 4, visibility: "hidden" });
      svg.append(circle);
      this.free.push(circle);
    }
  }
  send(points, weight, then) {
    const circle = this.free.pop();
    if (!circle || points.length === 0) return then?.();
    circle.setAttribute("r", (3.5 + Math.min(3.5, Math.log2(weight) / 2)).toFixed(1));
    const length = lengthOf(points);
    this.moving.push({ circle, points, length, began: performance.now(), lasts: legMs + length * 0.35, then });
  }
  stop() {
    for (const dot of this.moving) dot.circle.setAttribute("visibility", "hidden");
    this.free.push(...this.moving.map((dot) => dot.circle));
    this.moving = [];
  }
  step(now) {
    this.moving = this.moving.filter((dot) => {
      const part = (now - dot.began) / dot.lasts;
      if (part >= 1) {
        dot.circle.setAttribute("visibility", "hidden");
        this.free.push(dot.circle);
        dot.then?.();
        return false;
      }
      const [x, y] = pointAt(dot.points, eased(Math.max(0, part)) * dot.length);
      dot.circle.setAttribute("cx", x.toFixed(1));
      dot.circle.setAttribute("cy", y.toFixed(1));
      if (!dot.seen) dot.circle.setAttribute("visibility", (dot.seen = true) && "visible");
      return true;
    });
  }
}

// ---- the view

const askersOf = (name) => board.contexts.filter((one) => one.asks.includes(name)).map((one) => one.name);

function drawCard(shape, parts) {
  const { name } = shape;
  const external = shape.publishes.length === 0 && shape.collections.length === 0; // a party that is asked, no more
  const stickies = (kind, list) => list.length > 0 && el("ul", { class: "stickies" }, list.map((text) =>
    el("li", { class: `sticky ${kind}` }, text)));
  const events = shape.publishes.map((type) => {
    const number = el("b", {}, "0");
    const sticky = el("li", { class: "sticky event", title: t("published", { type }) }, el("span", {}, type), number);
    parts.events.set(`${name}/${type}`, { sticky, number, type });
    return sticky;
  });
  const reactions = [...shape.policies.map((one) => ["policy", texted(`policy.${one.sentence}`, one.sentence), one.whenever]),
    ...shape.readModels.map((one) => ["read", texted(`readModel.${one.name}`, one.name), one.whenever])];
  const policies = reactions.map(([kind, text, types]) => {
    const sticky = el("li", { class: `sticky ${kind}`, title: t("whenever", { types: types.join(", ") }) }, el("span", {}, text));
    for (const type of types) parts.policies.push({ name, type, sticky });
    return sticky;
  });
  const chip = el("span", { class: "chip" });
  const total = el("p", { class: "total" });
  const note = el("p", { class: "card-note" });
  const wrong = el("p", { class: "wrong", role: "alert" });
  const button = el("button", { type: "button", class: "small ghost", hidden: true, ...unlessHeMay("POST", `/modules/${name}/stop`) });
  button.addEventListener("click", async () => {
    button.disabled = true;
    setText(wrong, "");
    try {
      const verb = button.dataset.verb;
      await changeModule(name, verb);
      say(t(verb === "stop" ? "stoppedOne" : "startedOne", { name: contextName(name) }));
    } catch (error) {
      setText(wrong, error.message);
    }
    button.disabled = false;
  });
  const card = el("section", { class: `card ctx ctx-${name}${external ? " external" : ""}`, "aria-label": contextName(name) },
    el("header", {}, el("h2", {}, contextName(name)), chip, button),
    external ? el("p", { class: "card-hint" }, t("asked", { names: askersOf(name).map(contextName).join(", ") })) : total,
    stickies("command", shape.commands.map((one) => texted(`command.${one.id}`, one.summary))),
    events.length > 0 && el("ul", { class: "stickies" }, events),
    policies.length > 0 && el("ul", { class: "stickies" }, policies), note, wrong);
  parts.cards.set(name, { card, chip, note, button, total });
  return card;
}

function glance(one) {
  const says = [];
  if (one.reason) says.push(one.reason);
  if (one.lagEvents > 0 && one.lagSeconds > lagShown) says.push(t("lagging", { events: count(one.lagEvents), time: duration(one.lagSeconds * 1000) }));
  if (one.held - one.parked > 0) says.push(t("heldCount", { count: count(one.held - one.parked) }));
  if (one.parked > 0) says.push(t("parkedCount", { count: count(one.parked) }));
  for (const [name, breaker] of Object.entries(one.breakers ?? {})) {
    if (!/^closed$/i.test(breaker.state)) says.push(t("breakerIs", { name, state: breaker.state }));
  }
  return says;
}

function showCard(name, { card, chip, note, button, total }) {
  const one = modules.get(name);
  const state = one?.state ?? (picture.known ? "ABSENT" : "UNKNOWN");
  setText(chip, t(`state.${state}`));
  chip.className = `chip ${state.toLowerCase()}`;
  const says = one ? glance(one) : [];
  setText(note, says.join(" · "));
  setText(total, totals.has(name) ? texted(`total.${name}`, t("totalOf"), { name: mainCollection(name), count: count(totals.get(name)) }) : "");
  setClass(card, "stopped", state === "STOPPED" || state === "ABSENT");
  setClass(card, "down", state === "DOWN" || state === "UNREACHABLE");
  setClass(card, "lags", (one?.lagSeconds ?? 0) > lagShown || state === "STARTING");
  setClass(card, "parked", (one?.parked ?? 0) > 0);
  const verb = state === "STOPPED" ? "start" : "stop";
  button.hidden = !one || state === "UNREACHABLE" || !has("/modules/{name}/stop");
  if (button.dataset.verb !== verb || button.textContent === "") {
    button.dataset.verb = verb;
    setText(button, t(verb));
  }
  button.setAttribute("aria-label", `${t(verb)}: ${contextName(name)}`);
}

function headline() {
  if (!picture.known) return [t("loading"), ""];
  const all = [...modules.entries()];
  const of = (state) => all.filter(([, one]) => one.state === state).map(([name]) => contextName(name));
  const says = [];
  for (const state of ["DOWN", "UNREACHABLE", "STOPPED", "STARTING"]) {
    const names = of(state);
    if (names.length > 0) says.push(`${t(`state.${state}`)}: ${names.join(", ")}`);
  }
  const parked = all.reduce((sum, [, one]) => sum + (one.parked ?? 0), 0);
  const lag = Math.max(0, ...all.map(([, one]) => (one.lagSeconds > lagShown ? one.lagEvents : 0)));
  if (lag > 0) says.push(t("lagMost", { events: count(lag) }));
  if (parked > 0) says.push(t("parkedCount", { count: count(parked) }));
  if (picture.relay === "DOWN") says.push(t("relayDown"));
  if (says.length === 0) return [t("allWell", { count: all.length }), "good"];
  return [says.join(" · "), of("DOWN").length + of("UNREACHABLE").length > 0 || parked > 0 || picture.relay === "DOWN" ? "bad" : "warn"];
}

class Board {
  constructor(root) {
    this.parts = { events: new Map(), policies: [], cards: new Map() };
    this.pending = new Map(); // by type: how many wait for a dot, and when the last one left
    this.targets = new Map();
    this.paused = false;
    this.headline = el("p", { class: "headline", role: "status" });
    this.rateText = el("b", {});
    this.totalText = el("b", {});
    this.lastText = el("b", {});
    this.spark = el("polyline", { class: "spark-line", points: "" });
    this.sparkArea = el("path", { class: "spark-area", d: "" });
    this.topic = el("div", { class: "topic" }, el("span", {}, t("topic")), el("code", {}, "cnabookstore"));
    this.svg = el("svg", { class: "flow", "aria-hidden": "true" });
    this.lines = el("g", {});
    this.svg.append(this.lines);
    this.dots = new Dots(this.svg);
    // Where each card stands is the style sheet's.
    this.grid = el("div", { class: "board" }, board.contexts.map((shape) => drawCard(shape, this.parts)), this.topic, this.svg);
    this.grid.style.setProperty("--cards", String(board.contexts.length));
    this.rows = [];
    this.feed = el("ol", { class: "feed", "aria-label": t("feed") });
    this.feedEmpty = el("div", { class: "state" }, el("p", {}, t("noEvents")), el("a", { class: "button", href: "#play" }, t("goPlay")));
    const pause = el("button", { type: "button", class: "small", "aria-pressed": "false", click: () => {
      this.paused = !this.paused;
      pause.setAttribute("aria-pressed", String(this.paused));
      pause.textContent = t(this.paused ? "goOn" : "pause");
      if (this.paused) this.dots.stop();
    } }, t("pause"));
    root.append(
      el("div", { class: "live-head" },
        el("div", {}, el("h1", {}, t("live")), this.headline),
        el("dl", { class: "figures" },
          el("div", {}, el("dt", {}, t("perSecond")), el("dd", {}, this.rateText, el("svg", { class: "spark", viewBox: "0 0 120 28", preserveAspectRatio: "none", "aria-hidden": "true" }, this.sparkArea, this.spark))),
          el("div", {}, el("dt", {}, t("seen")), el("dd", {}, this.totalText)),
          el("div", {}, el("dt", {}, t("position")), el("dd", {}, this.lastText)))),
      el("div", { class: "live" },
        el("div", { class: "live-board" }, this.grid,
          el("ul", { class: "legend", "aria-label": t("legend") }, ["command", "event", "policy", "read"].map((kind) =>
            el("li", {}, el("i", { class: `swatch ${kind}` }), t(`legend.${kind}`))))),
        el("section", { class: "card feed-card", "aria-label": t("feed") },
          el("header", {}, el("h2", {}, t("feed")), pause), this.feedEmpty, this.feed)));
    for (const part of this.parts.events.values()) {
      if (!this.targets.has(part.type)) this.targets.set(part.type, []);
    }
    for (const policy of this.parts.policies) this.targets.get(policy.type)?.push(policy);
  }

  // ---- geometry

  layOut() {
    const frame = this.grid.getBoundingClientRect();
    const topic = this.topic.getBoundingClientRect();
    const axis = topic.width > topic.height ? "x" : "y";
    this.axis = axis;
    this.svg.setAttribute("width", frame.width);
    this.svg.setAttribute("height", frame.height);
    const line = axis === "x" ? topic.top + topic.height / 2 - frame.top : topic.left + topic.width / 2 - frame.left;
    const place = (element) => {
      const box = element.getBoundingClientRect();
      return { x: box.left + box.width / 2 - frame.left, y: box.top + box.height / 2 - frame.top, line,
        edgeX: box.left - frame.left, top: box.top - frame.top, bottom: box.bottom - frame.top };
    };
    const side = (at) => (axis === "x" ? at : { ...at, x: at.edgeX + 8 });
    for (const part of this.parts.events.values()) part.at = side(place(part.sticky));
    for (const part of this.parts.policies) part.at = side(place(part.sticky));
    const cards = [...this.parts.cards].map(([name, { card }]) => ({ name, card, external: card.classList.contains("external") }));
    const paths = cards.filter((one) => !one.external).map(({ card }) => {
      const at = place(card);
      if (axis === "y") return `M${at.edgeX} ${at.top + 22}H${topic.right - frame.left}`;
      return at.bottom < line ? `M${at.x} ${at.bottom}V${topic.top - frame.top}` : `M${at.x} ${at.top}V${topic.bottom - frame.top}`;
    });
    const call = cards.filter((one) => one.external).flatMap((one) => askersOf(one.name).map((asker) => {
      const [to, from] = [one.name, asker].map((name) => this.parts.cards.get(name).card.getBoundingClientRect());
      if (Math.abs(to.top - from.top) >= 4) return `M${to.left + 24 - frame.left} ${to.bottom - frame.top}V${from.top - frame.top}`;
      const [left, right] = to.left < from.left ? [to, from] : [from, to];
      return `M${left.right - frame.left} ${left.top + 22 - frame.top}H${right.left - frame.left}`;
    })).join("");
    this.lines.replaceChildren(
      el("path", { class: "line", d: paths.join("") }), el("path", { class: "line call", d: call }));
  }

  // ---- what comes

  take(events) {
    if (document.hidden || calm.matches || this.paused) return;
    for (const event of events) {
      const waiting = this.pending.get(event.type) ?? { count: 0, left: 0 };
      waiting.count += 1;
      this.pending.set(event.type, waiting);
    }
  }

  launch(now) {
    for (const [type, waiting] of this.pending) {
      if (waiting.count === 0 || now - waiting.left < dotGap) continue;
      const weight = waiting.count;
      waiting.count = 0;
      waiting.left = now;
      const source = [...this.parts.events.values()].find((part) => part.type === type);
      if (!source?.at) continue;
      source.sticky.classList.add("flash");
      source.until = now + 260;
      const targets = this.targets.get(type) ?? [];
      if (targets.length === 0) {
        this.dots.send(wayBetween(source.at, source.at, this.axis).slice(0, 2), weight);
        continue;
      }
      for (const target of targets) {
        this.dots.send(wayBetween(source.at, target.at, this.axis), weight, () => {
          target.sticky.classList.add("flash");
          target.until = performance.now() + 260;
        });
      }
    }
    for (const part of [...this.parts.events.values(), ...this.parts.policies]) {
      if (part.until && now > part.until) {
        part.until = 0;
        part.sticky.classList.remove("flash");
      }
    }
  }

  // ---- what is written, four times a second

  showNumbers() {
    for (const part of this.parts.events.values()) setText(part.number, count(stream.byType.get(part.type) ?? 0));
    const now = rate();
    setText(this.rateText, now >= 10 ? count(Math.round(now)) : now.toFixed(1));
    setText(this.totalText, count(stream.total));
    setText(this.lastText, stream.last ? count(stream.last) : "–");
    const values = stream.perSecond;
    const top = Math.max(4, ...values);
    const points = values.map((value, i) => `${((i / (values.length - 1)) * 120).toFixed(1)},${(27 - (value / top) * 25).toFixed(1)}`);
    this.spark.setAttribute("points", points.join(" "));
    this.sparkArea.setAttribute("d", `M0,28L${points.join("L")}L120,28Z`);
  }

  showFeed() {
    this.feedEmpty.hidden = recent.length > 0;
    if (this.paused) return;
    while (this.rows.length < recent.length) {
      const row = { id: -1, root: el("li", {}), time: el("time", {}), type: el("span", { class: "type" }), what: el("span", { class: "what" }) };
      row.root.append(row.time, row.type, row.what);
      this.rows.push(row);
      this.feed.append(row.root);
    }
    recent.forEach((event, i) => {
      const row = this.rows[i];
      if (row.id === event.id) return;
      row.id = event.id;
      const fields = summary(event);
      setText(row.time, clock(eventTime(fields.timestamp)));
      row.time.title = t("atPosition", { position: event.id });
      setText(row.type, event.type);
      const about = fields.orderId ? orderLink(fields.orderId) : fields.bookId ? t("bookNo", { id: fields.bookId }) : fields.customerId ? t("customerNo", { id: fields.customerId }) : "";
      row.what.replaceChildren(about, ...(told(fields) ? [" ", String(told(fields))] : []));
    });
  }

  showModules() {
    for (const [name, card] of this.parts.cards) showCard(name, card);
    const [text, tone] = headline();
    setText(this.headline, text);
    this.headline.className = `headline ${tone}`;
  }
}

/** What a context keeps first of all: the one that it declares first. */
const mainCollection = (name) => board.contexts.find((one) => one.name === name)?.collections[0] ?? "";

/** How many there are of what each context keeps; of one that rests, what was last known. */
async function lookAtTotals(signal) {
  await Promise.all(board.contexts.filter((one) => one.collections.length > 0).map(async ({ name }) => {
    const collection = mainCollection(name);
    if (!has(`/${collection}`) || modules.get(name)?.state === "STOPPED") return;
    const page = await get(`/${collection}?size=1`, { signal }).catch((error) => {
      if (!(error instanceof Refused)) throw error;
    });
    if (page?.page) totals.set(name, page.page.totalElements);
  }));
}

export function mount(root) {
  const view = new Board(root);
  let counted = -1;
  const totalling = poll(async (signal) => {
    if (counted === stream.total) return;
    counted = stream.total;
    await lookAtTotals(signal);
    view.showModules();
  }, 3000);
  let frame = 0;
  let written = 0;
  const step = (now) => {
    frame = requestAnimationFrame(step);
    view.launch(now);
    view.dots.step(now);
    if (now - written < (rate() > 100 ? 500 : 250)) return; // a hundred a second nobody reads
    written = now;
    view.showNumbers();
    view.showFeed();
  };
  const observer = new ResizeObserver(() => view.layOut());
  observer.observe(view.grid);
  for (const { card } of view.parts.cards.values()) observer.observe(card);
  const ends = [onEvents((events) => view.take(events)), onModules(() => view.showModules()), () => observer.disconnect(),
    () => cancelAnimationFrame(frame), totalling.stop];
  view.showModules();
  view.showNumbers();
  view.showFeed();
  view.layOut();
  frame = requestAnimationFrame(step);
  return () => ends.forEach((end) => end());
}
