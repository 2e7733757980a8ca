// GET /events, read by ourselves: an EventSource waits as long as it likes before it connects
// again, and says nothing meanwhile; and a thousand events a second are better taken a piece at a time.
import { authorization, base, may } from "./console_base.js";

const firstWait = 250; // ms, doubled up to the last
const lastWait = 8000;
const silence = 60_000; // ms without a byte, where a heartbeat was due long ago
const seconds = 60;

/** Of this connection and all before: {state: connecting|open|waiting, last, total, byType, retryAt}. */
export const stream = {
  state: "connecting",
  last: 0, // position of the last event
  total: 0, // seen by this page
  byType: new Map(),
  perSecond: new Array(seconds).fill(0), // the last one is the running second
  second: 0,
  retryAt: 0,
  refused: false, // the server wants a token for it, or another one
  begunAnew: 0, // 409 or 410: why this page forgot what it had counted and shown
};

const batchListeners = new Set();
const stateListeners = new Set();
const anewListeners = new Set();

/** listener(events): {id, type, data}, data as JSON text; a piece at a time, in order. */
export function onEvents(listener) {
  batchListeners.add(listener);
  return () => batchListeners.delete(listener);
}
export function onStream(listener) {
  stateListeners.add(listener);
  return () => stateListeners.delete(listener);
}
/** listener(): everything that was shown of the events is to be forgotten. */
export function onAnew(listener) {
  anewListeners.add(listener);
}

function setState(state) {
  if (stream.state === state && state !== "waiting") return;
  stream.state = state;
  for (const listener of stateListeners) listener();
}

function roll() {
  const now = Math.floor(Date.now() / 1000);
  const passed = stream.second === 0 ? 0 : Math.min(now - stream.second, seconds);
  for (let i = 0; i < passed; ++i) {
    stream.perSecond.shift();
    stream.perSecond.push(0);
  }
  stream.second = now;
}

/** Events a second, of the last five whole seconds. */
export function rate() {
  roll();
  return stream.perSecond.slice(-6, -1).reduce((sum, one) => sum + one, 0) / 5;
}

function take(events) {
  roll();
  for (const event of events) {
    stream.byType.set(event.type, (stream.byType.get(event.type) ?? 0) + 1);
    if (event.id > stream.last) stream.last = event.id;
  }
  stream.total += events.length;
  stream.perSecond[seconds - 1] += events.length;
  for (const listener of batchListeners) listener(events);
}

function parse(block) {
  const event = { id: 0, type: "", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) event.id = Number(line.slice(4));
    else if (line.startsWith("event: ")) event.type = line.slice(7);
    else if (line.startsWith("data: ")) event.data += line.slice(6);
  }
  return event.type ? event : null;
}

/** Reads until the connection ends or is silent for too long. */
async function read(body, abort) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let watch = 0;
  const alive = () => {
    clearTimeout(watch);
    watch = setTimeout(() => abort.abort(), silence);
  };
  try {
    for (;;) {
      alive();
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      const events = blocks.map(parse).filter(Boolean);
      if (events.length > 0) take(events);
    }
  } finally {
    clearTimeout(watch);
  }
}

const eventsBack = 30;

/** Where this page begins: a few events back, so that the picture is not empty. */
export const start = { from: "end" };
export function startBefore(end, first = 1) {
  start.from = String(Math.max(first, end - eventsBack + 1));
}

/** The log ends before what was seen last (409: it was restored, or is another one), or begins behind it (410). */
const otherLog = [409, 410];

/** What was counted and shown is of a log that is no more, or has a gap. */
function beginAnew(status) {
  stream.last = 0;
  stream.total = 0;
  stream.byType.clear();
  stream.perSecond.fill(0);
  stream.begunAnew = status;
  for (const listener of anewListeners) listener();
}

async function once() {
  stream.refused = !may("GET", "/events");
  if (stream.refused) throw new Error("nobody asks");
  const abort = new AbortController();
  const ask = (path, more) => fetch(new URL(path, base),
    { headers: { Accept: "text/event-stream", ...authorization(), ...more }, cache: "no-store", credentials: "omit", signal: abort.signal });
  let response = stream.last > 0 ? await ask("events", { "Last-Event-ID": String(stream.last) }) : await ask(`events?from=${start.from}`);
  if (otherLog.includes(response.status)) {
    startBefore(Number(response.headers.get("Log-End")), Number(response.headers.get("Log-Begin")));
    if (stream.last > 0) beginAnew(response.status);
    response = await ask(`events?from=${start.from}`);
  }
  stream.refused = [401, 403].includes(response.status);
  if (!response.ok || !response.body) throw new Error(String(response.status));
  setState("open");
  await read(response.body, abort);
}

/** Follows the log for as long as the page lives. */
export async function follow() {
  let wait = firstWait;
  for (;;) {
    const began = Date.now();
    try {
      await once();
    } catch {
      // Whatever it was: the server is asked again.
    }
    wait = Date.now() - began > 5000 ? firstWait : stream.refused ? lastWait : Math.min(wait * 2, lastWait);
    const pause = wait * (0.75 + Math.random() / 2);
    stream.retryAt = Date.now() + pause;
    setState("waiting");
    await new Promise((resolve) => { setTimeout(resolve, pause); wake = resolve; });
    setState("connecting");
  }
}

let wake = () => {};
/** Connects now instead of later. */
export const connectNow = () => wake();
addEventListener("online", connectNow);
