// Draws the OpenAPI document that lies beside this page, with a form to try each operation.
// Whatever comes from the document or from an answer becomes text nodes, never markup.
"use strict";

const documentUrl = new URL("openapi.json", location.href);
const methods = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
const maxAnswer = 1 << 20; // characters that are read of an answer
const maxStream = 1 << 17; // and of an event stream
const maxLinked = 1 << 18; // characters up to which JSON is laid out and its links are made
const maxDepth = 6; // of nested schemas

const byId = (id) => document.getElementById(id);
let api = {}; // the document
let base = new URL(".", documentUrl); // what its paths count from
let operations = [];
const etags = new Map(); // the last one that was seen, by URL

// ---- small tools

/** An element; in `properties` functions are listeners, false and null are left out. */
function el(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

const code = (text) => el("code", {}, String(text));
const list = (value) => (Array.isArray(value) ? value : []);
const entries = (value) => (value && typeof value === "object" ? Object.entries(value) : []);
const literal = (value) => code(typeof value === "string" && value !== "" ? value : JSON.stringify(value));

function joined(parts, separator) {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [separator, part]));
}

/** The part of the document that "#/a/b" names; nothing for any other reference. */
function lookUp(ref) {
  if (typeof ref !== "string" || !ref.startsWith("#/")) return undefined;
  return ref
    .slice(2)
    .split("/")
    .map((part) => decoded(part).replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((node, part) => (node && Object.hasOwn(node, part) ? node[part] : undefined), api);
}

/** The node with its references followed; what stands beside a reference wins. */
function resolve(node) {
  for (let hops = 0; node && typeof node === "object" && node.$ref !== undefined && hops < 16; ++hops) {
    const { $ref, ...beside } = node;
    const found = lookUp($ref);
    node = found && typeof found === "object" ? { ...found, ...beside } : { description: "(missing: " + $ref + ")", ...beside };
  }
  return node && typeof node === "object" ? node : {};
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

const nameOf = (node) => (typeof node?.$ref === "string" ? node.$ref.split("/").pop() : "");

/** Paragraphs, lists and `code` of a description; the rest of Markdown stays as it is written. */
function prose(text) {
  const inline = (line) => line.split("`").map((part, i) => (i % 2 ? code(part) : part));
  return String(text ?? "")
    .split(/\n\s*\n/)
    .filter((block) => block.trim())
    .map((block) => {
      const items = block.trim().split(/(?:^|\n)\s*[-*] /);
      const before = items.shift();
      return [
        before.trim() && el("p", {}, inline(before)),
        items.length > 0 && el("ul", {}, items.map((item) => el("li", {}, inline(item)))),
      ].filter(Boolean);
    });
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Away from localhost and https there is no clipboard API.
    const area = el("textarea", { readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ---- schemas, in words

/** A schema with what its allOf adds. */
function merged(raw, depth = 0) {
  const { allOf, ...own } = resolve(raw);
  if (!allOf || depth > maxDepth) return own;
  return [...list(allOf).map((part) => merged(part, depth + 1)), own].reduce((all, part) => ({
    ...all,
    ...part,
    properties: { ...all.properties, ...part.properties },
    required: [...list(all.required), ...list(part.required)],
  }), {});
}

const alternatives = (schema) => schema.oneOf ?? schema.anyOf;
const number = (value) => (value === Number.MAX_SAFE_INTEGER ? "2^53-1" : String(value));

function types(schema) {
  const given = [].concat(schema.type ?? []);
  if (given.length > 0) return given;
  if (schema.properties || schema.additionalProperties) return ["object"];
  return schema.items ? ["array"] : [];
}

function range(low, high, unit) {
  if (low !== undefined && low === high) return `exactly ${number(low)}${unit}`;
  if (low !== undefined && high !== undefined) return `${number(low)} to ${number(high)}${unit}`;
  if (low !== undefined) return `at least ${number(low)}${unit}`;
  return high !== undefined ? `at most ${number(high)}${unit}` : null;
}

function constraints(schema) {
  return [
    schema.enum && ["one of ", joined(schema.enum.filter((v) => v !== null).map(literal), ", ")],
    schema.const !== undefined && ["always ", literal(schema.const)],
    range(schema.minimum, schema.maximum, ""),
    schema.exclusiveMinimum !== undefined && `more than ${number(schema.exclusiveMinimum)}`,
    schema.exclusiveMaximum !== undefined && `less than ${number(schema.exclusiveMaximum)}`,
    schema.multipleOf !== undefined && `a multiple of ${number(schema.multipleOf)}`,
    range(schema.minLength, schema.maxLength, " characters"),
    range(schema.minItems, schema.maxItems, " elements"),
    schema.uniqueItems && "no element twice",
    schema.pattern && ["matches ", code(schema.pattern)],
    schema.default !== undefined && ["default ", literal(schema.default)],
    schema.readOnly && "read-only",
    schema.writeOnly && "write-only",
    schema.deprecated && "deprecated",
  ].filter(Boolean);
}

/** "integer, at least 1, default 20, or null". */
function inWords(raw, depth = 0) {
  if (raw === false) return ["nothing"];
  const schema = merged(raw);
  const choices = list(alternatives(schema));
  const kinds = types(schema);
  const notNull = kinds.filter((kind) => kind !== "null");
  let words = joined(notNull.map((kind) => kindInWords(kind, schema, raw, depth)), " or ");
  if (choices.length > 0 && depth < maxDepth) {
    words = joined(choices.filter((choice) => resolve(choice).type !== "null").map((choice) => inWords(choice, depth + 1)), "; or ");
  }
  if (words.length === 0) words = [schema.enum || schema.const !== undefined ? "value" : kinds.length ? "null" : "anything"];
  const nullable = (kinds.includes("null") && notNull.length > 0) || choices.some((choice) => resolve(choice).type === "null") || schema.nullable;
  return joined([words, ...constraints(schema), ...(nullable ? ["or null"] : [])], ", ");
}

function kindInWords(kind, schema, raw, depth) {
  if (kind === "array") return depth < maxDepth ? ["list of ", inWords(schema.items ?? true, depth + 1)] : "list";
  if (kind === "object") return nameOf(raw) || schema.title || "object";
  return schema.format ? `${kind} (${schema.format})` : kind;
}

/** What has members inside a schema: itself, a list's elements, each alternative. */
function objectsIn(raw, depth = 0) {
  const schema = merged(raw);
  if (depth > maxDepth) return [];
  if (schema.properties || typeof schema.additionalProperties === "object") return [{ raw, schema }];
  if (schema.items) return objectsIn(schema.items, depth + 1);
  return list(alternatives(schema)).flatMap((choice) => objectsIn(choice, depth + 1));
}

/** The members of a schema, nested; `above` are the names that are open already. */
function members(raw, above = []) {
  return objectsIn(raw).map(({ raw: object, schema }) => {
    const name = nameOf(object);
    if (above.length >= maxDepth || (name && above.includes(name))) return null;
    const inner = [...above, name];
    const rows = entries(schema.properties).map(([key, property]) => member(key, property, list(schema.required).includes(key), inner));
    if (typeof schema.additionalProperties === "object") rows.push(member("(any other name)", schema.additionalProperties, false, inner));
    return el("ul", { class: "fields" }, rows);
  });
}

function member(key, schema, required, above) {
  return el(
    "li", {},
    code(key), " ", el("span", { class: "faint" }, inWords(schema)), required && [" ", el("span", { class: "must" }, "required")],
    prose(merged(schema).description),
    members(schema, above),
  );
}

function schemaBox(schema) {
  return [el("p", { class: "kind faint" }, inWords(schema)), members(schema)];
}

/** A value that fits the schema: what a body editor begins with. */
function sample(raw, depth = 0) {
  const schema = merged(raw);
  for (const value of [schema.example, list(schema.examples)[0], schema.const, schema.default, list(schema.enum)[0]]) {
    if (value !== undefined) return value;
  }
  if (depth > maxDepth) return null;
  const choice = list(alternatives(schema))[0];
  if (choice) return sample(choice, depth + 1);
  switch (types(schema)[0]) {
    case "object":
      return Object.fromEntries(
        entries(schema.properties)
          .filter(([, property]) => !merged(property).readOnly)
          .map(([key, property]) => [key, sample(property, depth + 1)]),
      );
    case "array": return schema.items ? [sample(schema.items, depth + 1)] : [];
    case "integer":
    case "number": return schema.minimum ?? 1;
    case "boolean": return false;
    case "string": return "text";
    default: return null;
  }
}

/** The examples of a media type: [name, text]. */
function examplesOf(media) {
  const values = entries(media.examples).map(([name, example]) => [resolve(example).summary ?? name, resolve(example).value]);
  if (media.example !== undefined) values.unshift(["example", media.example]);
  if (values.length === 0 && media.schema) values.push(["example", sample(media.schema)]);
  return values
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value, null, 2)]);
}

// ---- answers

/** JSON laid out, its numbers and strings as they were sent (1000.0 stays that). `onString` may
    turn a string under a key into a node. */
function layOut(text, onString) {
  const out = [];
  let line = "";
  let indent = 0;
  let key = "";
  const flush = () => { out.push(line); line = ""; };
  const feed = () => { line += "\n" + "  ".repeat(indent); };
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  tokens.forEach((token, i) => {
    if (token === "{" || token === "[") {
      line += token;
      const empty = tokens[i + 1] === "}" || tokens[i + 1] === "]";
      if (!empty) { ++indent; feed(); }
    } else if (token === "}" || token === "]") {
      if (tokens[i - 1] !== "{" && tokens[i - 1] !== "[") { --indent; feed(); }
      line += token;
    } else if (token === ",") {
      line += token;
      feed();
    } else if (token === ":") {
      line += ": ";
    } else if (tokens[i + 1] === ":") {
      key = JSON.parse(token);
      flush();
      out.push(el("span", { class: "key" }, token));
    } else {
      flush();
      const isText = token[0] === '"';
      out.push((isText && onString(key, JSON.parse(token), token)) || el("span", { class: isText ? "text" : "other" }, token));
    }
  });
  flush();
  return out;
}

function isJson(text) {
  try { JSON.parse(text); return true; } catch { return false; }
}

/** Where a link of an answer leads, if that is this server; its template's variables are dropped. */
function ownUrl(href) {
  try {
    const url = new URL(href.replace(/\{[^}]*\}/g, ""), base);
    return url.origin === location.origin && /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** The path as the document counts it. A server that does not know the prefix that it is published
    below leaves that out of its links. */
function apiPath(url) {
  return "/" + (url.pathname.startsWith(base.pathname) ? url.pathname.slice(base.pathname.length) : url.pathname.slice(1));
}

function below(path) {
  return new URL(base.pathname + path.replace(/^[/\\]+/, ""), base);
}

/** The operation that a URL would reach, GET before all others, with the values of its fields. */
function operationAt(url) {
  const path = apiPath(url).replace(/(.)\/$/, "$1");
  const found = operations.flatMap((operation) => {
    const match = operation.matcher.exec(path);
    const names = new Set(operation.parameters.filter((p) => p.in === "query").map((p) => p.name));
    if (!match || ![...url.searchParams.keys()].every((name) => names.has(name))) return [];
    const values = new Map(url.searchParams);
    operation.captures.forEach((name, i) => values.set(name, decoded(match[i + 1])));
    return [{ operation, values }];
  });
  const rank = ({ operation }) => (operation.method === "get" ? 0 : 100) + operation.captures.length;
  return found.sort((a, b) => rank(a) - rank(b))[0];
}

/** Opens and sends the GET that a link stands for; what no operation describes is fetched in place. */
function follow(url, panel) {
  const found = operationAt(url);
  if (!found) {
    const target = below(apiPath(url));
    target.search = url.search;
    panel.run({ method: "GET", url: target, headers: [] });
    return;
  }
  const form = built(found.operation);
  form.fill(found.values);
  show(found.operation);
  if (found.operation.method === "get" && !found.operation.streams) form.send();
}

function linkTo(url, text, panel) {
  return el("a", {
    href: url.href,
    click: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      follow(url, panel);
    },
  }, text);
}

/** Shows requests and their answers, one at a time. */
function answerPanel() {
  const root = el("section", { class: "answer", "aria-label": "Answer", hidden: true });
  let current = null;
  const panel = { root, run };

  async function run(request) {
    current?.abort();
    const mine = (current = new AbortController());
    const stop = el("button", { type: "button", click: () => mine.abort() }, "Stop");
    const status = el("p", { class: "status", role: "status" }, "Waiting for the answer…");
    const head = [el("p", { class: "request" }, request.method, " ", request.url.pathname, request.url.search), status];
    root.hidden = false;
    root.replaceChildren(...head, stop);
    const started = performance.now();
    const elapsed = () => `${(performance.now() - started).toFixed(performance.now() - started < 10 ? 1 : 0)} ms`;
    const body = el("pre", { tabindex: "0", role: "group", "aria-label": "Body" });
    const read = { text: "", bytes: 0, cut: "" };
    let response;
    try {
      response = await fetch(request.url, {
        method: request.method,
        // A GET that does something is refused to what any page could embed; this no other page can send.
        headers: [...request.headers, ["X-Requested-With", "docs"], ...(token ? [["Authorization", `Bearer ${token}`]] : [])], body: request.body, signal: mine.signal, cache: "no-store",
      });
      const streams = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
      if (streams) {
        status.replaceChildren(statusWord(response), "receiving events…");
        root.replaceChildren(...head, stop, body);
      }
      await readBody(response, read, streams ? maxStream : maxAnswer, streams ? (piece) => {
        body.append(piece);
        body.scrollTop = body.scrollHeight;
      } : () => {});
    } catch (error) {
      if (current !== mine) return; // a later request has the panel
      if (!response) {
        const stopped = error.name === "AbortError";
        status.replaceChildren(el("b", { class: "bad" }, stopped ? "Stopped" : "No answer"),
          stopped ? `after ${elapsed()}` : `${error.message}. Is the server running?`);
        root.replaceChildren(...head);
        return;
      }
      read.cut = error.name === "AbortError" ? "stopped" : "broken off";
    }
    if (current !== mine) return;
    current = null;
    remember(request, response);
    status.replaceChildren(statusWord(response), [elapsed(), `${read.bytes} bytes`, read.cut].filter(Boolean).join(" · "));
    const type = response.headers.get("content-type") ?? "";
    if (/json/.test(type) && read.text.length <= maxLinked && isJson(read.text)) {
      body.replaceChildren(...layOut(read.text, (key, value, token) => {
        const url = key === "href" ? ownUrl(value) : null;
        return url && linkTo(url, token, panel);
      }));
    } else {
      body.textContent = read.text;
    }
    root.replaceChildren(...head, read.text ? body : el("p", { class: "faint" }, "The answer has no body."), headerList(response, panel));
    if (root.getBoundingClientRect().top > innerHeight - 100) root.scrollIntoView({ block: "nearest" });
  }
  return panel;
}

const statusWord = (response) => el("b", { class: response.status < 400 ? "good" : "bad" }, `${response.status} ${response.statusText}`);

/** Reads the body piece by piece, up to so many characters. */
async function readBody(response, read, limit, onPiece) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  while (reader) {
    const { done, value } = await reader.read();
    const piece = decoder.decode(value, { stream: !done });
    read.bytes += value?.length ?? 0;
    read.text += piece;
    if (piece) onPiece(piece);
    if (done) return;
    if (read.text.length > limit) {
      read.cut = "cut here";
      await reader.cancel();
      return;
    }
  }
}

function remember(request, response) {
  const etag = response.headers.get("etag");
  if (etag) etags.set(request.url.pathname, etag);
}

function headerList(response, panel) {
  const headers = [...response.headers];
  return el("details", { open: true },
    el("summary", {}, `${headers.length} headers`),
    el("dl", {}, headers.map(([name, value]) => {
      const url = name === "location" ? ownUrl(value) : null;
      return el("div", {}, el("dt", {}, `${name}: `), el("dd", {}, url ? linkTo(url, value, panel) : value));
    })));
}

// ---- who asks, where the server wants to know

let token = ""; // in this page's memory alone: it is stored nowhere, and goes with the page

const bearer = () => Object.values(api.components?.securitySchemes ?? {}).find((one) => one.scheme === "bearer");

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

/** What the token says; the server alone verifies it. */
function rolesNow() {
  try {
    const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
    const roles = claimAt(claims, bearer()["x-roles-claim"] ?? "roles");
    return Array.isArray(roles) ? roles.map(String) : String(roles ?? "").split(" ").filter(Boolean);
  } catch {
    return [];
  }
}

const rolesFor = (operation) => list(operation.it["x-roles"]);

/** Each operation says who may; those that who asks may not are faint. */
function showRoles() {
  const held = rolesNow();
  for (const operation of operations) {
    const needed = rolesFor(operation);
    operation.root.classList.toggle("denied", token !== "" && needed.length > 0 && !needed.some((role) => held.includes(role)));
    operation.form?.refresh();
  }
}

function drawWho() {
  if (!bearer()) return byId("who").replaceChildren();
  const give = (text) => {
    token = text.trim().replace(/^Bearer +/i, "");
    drawWho();
    showRoles();
    byId(token ? "forget-token" : "token").focus();
  };
  if (token) {
    const roles = rolesNow();
    byId("who").replaceChildren(el("p", {}, "The token says: ", roles.length > 0 ? roles.map((role) => [code(role), " "]) : "no role. ",
      el("button", { type: "button", id: "forget-token", click: () => give("") }, "Forget")));
    return;
  }
  // No form of a password's: browsers offer to keep those.
  const input = el("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", "aria-describedby": "token-says" });
  byId("who").replaceChildren(el("form", { submit: (event) => { event.preventDefault(); give(input.value); } },
    el("label", { for: "token" }, "Token"), " ", input, " ", el("button", {}, "Use"), " ",
    el("span", { class: "faint", id: "token-says" }, "Sent as Authorization: Bearer; kept in this page alone.")));
}

// ---- the form

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlLine(request, streams) {
  const method = request.method === "HEAD" ? " -I" : request.method === "GET" ? "" : ` -X ${request.method}`;
  const words = [`curl ${streams ? "-N" : "-i"}${method} ${quoted(request.url.href)}`];
  for (const [name, value] of request.headers) words.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (token) words.push('-H "Authorization: Bearer $TOKEN"'); // which is not shown
  if (request.body !== undefined) words.push(`--data-raw ${quoted(request.body)}`);
  return words.join(" \\\n  ");
}

/** The values that a parameter is chosen from; nothing when it is typed. */
function choicesOf(parameter) {
  const schema = merged(parameter.schema);
  if (types(schema).includes("boolean")) return ["true", "false"];
  return schema.enum && !types(schema).includes("array") ? schema.enum.filter((value) => value !== null).map(String) : null;
}

let fields = 0;

/** A labelled input for a parameter: {parameter, input, root}. */
function parameterField(parameter, operation) {
  const id = `field-${++fields}`;
  const schema = merged(parameter.schema);
  const must = parameter.in === "path";
  const choices = choicesOf(parameter);
  const example = parameter.example ?? resolve(entries(parameter.examples)[0]?.[1]).value ?? schema.example ?? list(schema.examples)[0];
  const input = choices
    ? el("select", { id }, !must && el("option", { value: "" }, "(not sent)"), choices.map((choice) => el("option", {}, choice)))
    : el("input", {
      id, autocomplete: "off", spellcheck: "false", required: must,
      placeholder: schema.default !== undefined ? String(schema.default) : example !== undefined ? String(example) : null,
      inputmode: types(schema).includes("integer") ? "numeric" : null,
    });
  if (must || parameter.required) {
    input.value = example ?? schema.default ?? (choices ? choices[0] : /integer|number/.test(types(schema)) || alternatives(schema) ? schema.minimum ?? 1 : "");
  }
  const name = parameter.name.toLowerCase();
  const set = (text, value) => el("button", { type: "button", click: () => {
    input.value = value() ?? "";
    if (input.value === "") input.placeholder = "none seen yet: GET it first";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  } }, text);
  const helper = parameter.in === "header" && (name === "idempotency-key" ? set("New key", newKey)
    : /^if-(none-)?match$/.test(name) && set("Last ETag", () => etags.get(operation.form.request().url.pathname)));
  const where = parameter.in === "header" ? "header" : types(schema).includes("array") ? `${parameter.in}, several by commas` : parameter.in;
  const root = el("div", { class: "field" },
    el("label", { for: id }, code(parameter.name), " ", el("span", { class: "faint" }, where),
      parameter.required && [" ", el("span", { class: "must" }, "required")]),
    helper ? el("div", { class: "row" }, input, helper) : input);
  return { parameter, input, root, several: types(schema).includes("array") };
}

/** The editor of a body: {root, type(), text()}. */
function bodyField(operation) {
  const body = resolve(operation.it.requestBody);
  const kinds = entries(body.content);
  if (kinds.length === 0) return { root: null, type: () => null, text: () => "" };
  const id = `field-${++fields}`;
  const examples = kinds.flatMap(([, media]) => examplesOf(resolve(media)))
    .filter(([, text], i, all) => all.findIndex((other) => other[1] === text) === i);
  const area = el("textarea", { id, spellcheck: "false", autocomplete: "off", "aria-describedby": `${id}-hint` });
  const hint = el("p", { class: "hint wrong", id: `${id}-hint`, hidden: true }, "This is not JSON. It can be sent all the same, to see the answer.");
  const type = el("select", { id: `${id}-type` }, kinds.map(([name]) => el("option", {}, name)));
  const check = () => { hint.hidden = !/json/.test(type.value) || area.value.trim() === "" || isJson(area.value); };
  const put = (text) => {
    area.value = text;
    area.rows = Math.min(Math.max(text.split("\n").length + 1, 3), 24);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  area.addEventListener("input", check);
  put(examples[0]?.[1] ?? "");
  const root = el("div", {},
    kinds.length > 1 && el("div", { class: "field" }, el("label", { for: `${id}-type` }, code("Content-Type")), type),
    examples.length > 1 && el("div", { class: "field" }, el("label", { for: `${id}-example` }, "Example"),
      el("select", { id: `${id}-example`, change: (event) => put(examples[event.target.selectedIndex][1]) },
        examples.map(([name]) => el("option", {}, name)))),
    el("div", { class: "field" },
      el("label", { for: id }, "Body ", el("span", { class: "faint" }, kinds.length > 1 ? "" : kinds[0][0])), area, hint));
  return { root, type: () => type.value, text: () => area.value };
}

/** A choice of what the answer may be, where there is one: {root, value()}. */
function acceptField(operation) {
  const offered = new Set(entries(operation.it.responses).filter(([status]) => /^[23]/.test(status))
    .flatMap(([, response]) => Object.keys(resolve(response).content ?? {})));
  if (offered.size < 2) return { root: null, value: () => "" };
  const id = `field-${++fields}`;
  const select = el("select", { id }, el("option", { value: "" }, "(not sent)"), [...offered].map((type) => el("option", {}, type)));
  return {
    root: el("div", { class: "field" }, el("label", { for: id }, code("Accept"), " ", el("span", { class: "faint" }, "header")), select),
    value: () => select.value,
  };
}

function tryForm(operation) {
  // Headers that a page may not set, or that have a field of their own.
  const apart = /^(accept|content-type|authorization|host|origin|cookie|connection|content-length)$/i;
  const inputs = operation.parameters
    .filter((p) => p.in === "path" || p.in === "query" || (p.in === "header" && !apart.test(p.name)))
    .map((p) => parameterField(p, operation));
  const body = bodyField(operation);
  const accept = acceptField(operation);
  const panel = answerPanel();
  const curl = el("pre", { tabindex: "0", role: "group", "aria-label": "The same with curl" });
  const copyButton = el("button", { type: "button", click: () => copy(curl.textContent, copyButton) }, "Copy");

  function request() {
    let path = operation.path;
    const query = [];
    const headers = [];
    for (const { parameter: { name, in: where }, input, several } of inputs) {
      const value = input.value.trim();
      if (where === "path") path = path.replaceAll(`{${name}}`, value ? encodeURIComponent(value) : `{${name}}`);
      else if (value === "") continue;
      else if (where === "header") headers.push([name, value]);
      else for (const one of several ? value.split(",") : [value]) query.push(`${encodeURIComponent(name)}=${encodeURIComponent(one.trim())}`);
    }
    if (accept.value()) headers.push(["Accept", accept.value()]);
    const text = body.text();
    if (text !== "") headers.push(["Content-Type", body.type()]);
    const url = below(path);
    url.search = query.join("&");
    return { method: operation.method.toUpperCase(), url, headers, body: text === "" ? undefined : text };
  }
  const refresh = () => { curl.textContent = curlLine(request(), operation.streams); };
  const send = () => panel.run(request());

  const form = el("form", {
    submit: (event) => { event.preventDefault(); send(); }, input: refresh, change: refresh,
    keydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); },
  },
    inputs.map((field) => field.root), body.root, accept.root,
    operation.streams && el("p", { class: "faint" }, "This answer goes on until it is stopped; what comes is shown as it comes."),
    el("button", { class: "main" }, "Send"),
    el("div", { class: "curl" }, el("div", { class: "row" }, el("span", { class: "label faint" }, "The same with curl"), copyButton), curl));
  refresh();

  /** Path and query fields as these say; those that are not named are emptied. */
  function fill(values) {
    for (const { parameter, input } of inputs) {
      if (parameter.in !== "header") input.value = values.get(parameter.name) ?? "";
    }
    refresh();
  }
  return { root: el("section", { class: "try", "aria-label": "Try it" }, el("h3", {}, "Try it"), form, panel.root), request, send, fill, refresh };
}

// ---- an operation

function parameterTable(parameters) {
  if (parameters.length === 0) return null;
  return [
    el("h3", {}, "Parameters"),
    el("table", {},
      el("thead", {}, el("tr", {}, ["Name", "Value", "Meaning"].map((title) => el("th", { scope: "col" }, title)))),
      el("tbody", {}, parameters.map((p) => el("tr", {},
        el("th", { scope: "row" }, code(p.name), " ", el("span", { class: "faint" }, p.in), p.required && [" ", el("span", { class: "must" }, "required")]),
        el("td", {}, inWords(p.schema ?? true), p.deprecated && ", deprecated"),
        el("td", { class: "faint" }, prose(p.description)))))),
  ];
}

function contentBox(content) {
  // Types that share a schema are shown once.
  const groups = new Map();
  for (const [type, raw] of entries(content)) {
    const media = resolve(raw);
    const key = JSON.stringify(media.schema ?? null);
    if (!groups.has(key)) groups.set(key, { media, names: [] });
    groups.get(key).names.push(type);
  }
  return [...groups.values()].map(({ media, names }) => [
    el("p", { class: "kind" }, joined(names.map(code), " or ")),
    media.schema !== undefined && schemaBox(media.schema),
  ]);
}

function responseRow([status, raw]) {
  const response = resolve(raw);
  const summary = [el("b", { class: /^[123]/.test(status) ? "good" : "bad" }, status), " ", prose(response.description)];
  const headers = entries(response.headers).map(([name, header]) => el("li", {},
    code(name), " ", el("span", { class: "faint" }, inWords(resolve(header).schema ?? true)), prose(resolve(header).description)));
  if (headers.length === 0 && entries(response.content).length === 0) return el("div", { class: "bare" }, summary);
  return el("details", {},
    el("summary", {}, summary),
    el("div", { class: "within" },
      headers.length > 0 && [el("p", { class: "faint" }, "Headers"), el("ul", { class: "fields" }, headers)],
      contentBox(response.content)));
}

/** Fills an operation when it is opened for the first time: there are many, and few are looked at. */
function built(operation) {
  if (operation.form) return operation.form;
  const { it, root } = operation;
  const body = resolve(it.requestBody);
  operation.form = tryForm(operation);
  const responses = entries(it.responses).map(responseRow);
  const first = responses.find((row) => row.tagName === "DETAILS");
  if (first && /^2/.test(first.textContent)) first.open = true;
  root.append(el("div", { class: "inside" },
    el("div", {},
      el("button", { type: "button", class: "jump", click: () => {
        operation.form.root.scrollIntoView();
        operation.form.root.querySelector("input, select, textarea, button").focus({ preventScroll: true });
      } }, "Try it ↓"),
      it.deprecated && el("p", { class: "must" }, "Deprecated"),
      prose(it.description),
      parameterTable(operation.parameters),
      it.requestBody && [
        el("h3", {}, "Body ", body.required && el("span", { class: "must" }, "required")),
        prose(body.description),
        contentBox(body.content),
      ],
      el("h3", {}, "Answers"),
      el("div", { class: "answers" }, responses)),
    operation.form.root));
  return operation.form;
}

const slug = (text) => text.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");

function readOperation(path, item, method) {
  const it = item[method];
  const parameters = new Map(); // an operation's own wins over its path's
  for (const p of [...list(item.parameters), ...list(it.parameters)].map(resolve)) {
    if (typeof p.name === "string") parameters.set(`${p.in} ${p.name}`, p);
  }
  const captures = [];
  const pattern = path.split(/(\{[^}]*\})/).map((part) => {
    if (part.startsWith("{")) { captures.push(part.slice(1, -1)); return "([^/]+)"; }
    return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return {
    path, method, it, captures,
    id: "op-" + (slug(String(it.operationId ?? "")) || slug(`${method} ${path}`)),
    tag: list(it.tags)[0] ?? "Other",
    summary: it.summary ?? "",
    parameters: [...parameters.values()],
    matcher: new RegExp(`^${pattern.join("")}$`),
    streams: entries(it.responses).some(([, response]) => "text/event-stream" in (resolve(response).content ?? {})),
    words: [method, path, it.summary, it.operationId, ...list(it.tags)].join(" ").toLowerCase(),
    form: null,
  };
}

/** A path that may break behind its slashes, its variables marked. */
function pathWords(path) {
  return path.split(/(?<=[^/]\/)/).flatMap((part) => [
    el("wbr"), part.split(/(\{[^}]*\})/).map((piece) => (piece.startsWith("{") ? el("em", {}, piece) : piece)),
  ]);
}

function drawOperation(operation) {
  operation.root = el("details", {
    class: `op ${operation.method}${operation.it.deprecated ? " deprecated" : ""}`, id: operation.id,
    toggle: () => { if (operation.root.open) built(operation); },
  },
    el("summary", {},
      el("span", { class: "method" }, operation.method),
      el("span", { class: "path" }, pathWords(operation.path)),
      el("span", { class: "says" }, operation.summary,
        rolesFor(operation).length > 0 && el("span", { class: "roles" }, ` ${rolesFor(operation).join(" or ")}`))));
  operation.link = el("li", {}, el("a", { href: `#${operation.id}`, title: operation.summary, class: operation.method, click: openLinked },
    el("span", { class: "method" }, operation.method === "delete" ? "del" : operation.method), el("span", {}, pathWords(operation.path))));
  return operation.root;
}

// ---- the page

const narrow = matchMedia("(max-width: 56rem)");

function openLinked(event) {
  // A second click on the same link changes no hash.
  const operation = operations.find((one) => `#${one.id}` === event.currentTarget.hash);
  if (location.hash !== event.currentTarget.hash || !operation) return;
  event.preventDefault();
  show(operation);
}

function show(operation) {
  if (operation.root.hidden) setFilter("");
  built(operation);
  operation.root.open = true;
  if (narrow.matches) byId("menu").open = false;
  if (location.hash !== `#${operation.id}`) history.pushState(null, "", `#${operation.id}`);
  for (const { link, root } of operations) {
    if (root === operation.root) link.firstChild.setAttribute("aria-current", "true");
    else link.firstChild.removeAttribute("aria-current");
  }
  operation.link.scrollIntoView({ block: "nearest" });
  operation.root.scrollIntoView({ block: "start" });
  operation.root.firstChild.focus({ preventScroll: true });
}

function showHash() {
  const operation = operations.find((one) => `#${one.id}` === decoded(location.hash));
  if (operation) show(operation);
}

function setFilter(text) {
  byId("filter").value = text;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const operation of operations) {
    const hidden = !words.every((word) => operation.words.includes(word));
    operation.root.hidden = operation.link.hidden = hidden;
    if (!hidden) ++shown;
  }
  for (const group of document.querySelectorAll(".group")) {
    group.hidden = !group.querySelector(":scope > .op:not([hidden]), :scope > ul > li:not([hidden])");
  }
  if (shown > 0 || operations.length === 0) state();
  else state(el("p", {}, "No operation matches ", code(text), "."), el("button", { type: "button", click: () => { setFilter(""); byId("filter").focus(); } }, "Show all"));
}

/** What stands in the operations' place, or above them; nothing: there is nothing to say. */
function state(...content) {
  byId("state").replaceChildren(...(content.length > 0 ? [el("div", { class: "notice" }, content)] : []));
}

function drawAbout() {
  const info = api.info ?? {};
  const title = info.title ?? "API";
  document.title = title;
  byId("title").textContent = title;
  byId("version").textContent = info.version ?? "";
  const [first, ...more] = prose(info.description ?? info.summary);
  byId("intro").replaceChildren(
    ...(first ?? []),
    ...(more.length > 0 ? [el("details", {}, el("summary", {}, "More"), more)] : []),
    el("p", { class: "faint" }, el("a", { href: documentUrl.href }, "openapi.json"), ` describes ${operations.length} operations; this page draws it.`));
}

function drawTags() {
  const described = list(api.tags).map((tag) => tag.name);
  const names = [...new Set([...described, ...operations.map((operation) => operation.tag)])];
  const groups = names.map((name) => ({ name, members: operations.filter((operation) => operation.tag === name) }))
    .filter((group) => group.members.length > 0);
  byId("tags").replaceChildren(...groups.map(({ name, members: own }) => {
    const tag = list(api.tags).find((one) => one.name === name);
    return el("section", { class: "tag group", "aria-label": name },
      el("header", {}, el("h2", {}, name), prose(tag?.description)), own.map(drawOperation));
  }));
  byId("list").replaceChildren(...groups.map(({ name, members: own }) =>
    el("section", { class: "group" }, el("h2", {}, name), el("ul", {}, own.map((operation) => operation.link)))));
}

function draw() {
  const server = list(api.servers)[0]?.url ?? "/";
  // "/" is what a server says that does not know which prefix it is published below.
  base = server === "/" ? new URL(".", documentUrl) : new URL(server.replace(/\/?$/, "/"), documentUrl);
  operations = entries(api.paths).flatMap(([path, raw]) => {
    const item = resolve(raw);
    return methods.filter((method) => item[method]).map((method) => readOperation(path, item, method));
  });
  drawAbout();
  drawTags();
  drawWho();
  showRoles();
  document.querySelector("nav").hidden = operations.length === 0;
  if (operations.length === 0) {
    state(el("p", {}, "The description names no operation."));
    return;
  }
  setFilter(byId("filter").value);
  showHash();
}

async function readDocument() {
  const response = await fetch(documentUrl, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
  const text = await response.text();
  let read;
  try { read = JSON.parse(text); } catch { throw new Error("what the server sent is not JSON"); }
  if (typeof read?.openapi !== "string" || !read.openapi.startsWith("3.")) throw new Error("what the server sent is no OpenAPI 3 document");
  return read;
}

async function load() {
  state(el("p", {}, "Reading the description of the API…"));
  try {
    api = await readDocument();
  } catch (error) {
    state(el("p", {}, el("b", {}, "The description of the API cannot be read."), ` ${documentUrl.pathname}: ${error.message}.`),
      el("button", { type: "button", click: load }, "Try again"));
    return;
  }
  draw();
}

const setMenu = () => { byId("menu").open = !narrow.matches; };
narrow.addEventListener("change", setMenu);
setMenu();
byId("filter").addEventListener("input", (event) => setFilter(event.target.value));
addEventListener("hashchange", showHash);
addEventListener("popstate", showHash);
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey || byId("menu").offsetParent === null) return;
  event.preventDefault();
  byId("menu").open = true;
  byId("filter").focus();
});
load();
