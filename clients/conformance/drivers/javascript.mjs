/** The JavaScript client's driver for ../run.py: `python run.py --exec "node drivers/javascript.mjs"`. */

import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

// The shipped modules, the first with what it does not export to apps.
const DIST = new URL("../../javascript/dist/", import.meta.url);
const text = readFileSync(new URL("syncd-client.js", DIST), "utf8");
const module = `${text}\nexport { Core, UserState, checkName, decode, prefixOf };`;
const { Core, UserState, canonical, checkName, decode, prefixOf } = await import(
  `data:text/javascript,${encodeURIComponent(module)}`
);
const registers = await import(new URL("registers.js", DIST));

let nowMs = 0;
let random = 0;
let replicas = 0;
/** By user, what is stored. */
let kept = new Map();
/** The names of the collections that are open; those of registers begin with a colon. */
let opened;
let core = newCore();

function newCore() {
  opened = new Set();
  const made = new Core({
    nowMs: () => nowMs,
    random: () => random,
    newReplica: () => {
      replicas += 1;
      return `r${replicas}`;
    },
  });
  made.useRegisters(registers);
  return made;
}

/** What is stored of the user, as if it had been read again. */
function stored(user) {
  const state = kept.get(user);
  return state === undefined ? null : new UserState(state.head, state.items.values(), state.queue.values());
}

function ofApp(call) {
  if (typeof call === "string") return core[call]();
  const [name, value] = Object.entries(call)[0];
  if (name === "sign_in") return core.signIn(value, stored(value));
  if (name === "sign_out") return core.signOut(value.erase);
  if (name === "open_list") return opens(value);
  if (name === "open") return opens(`:${value}`);
  const { list, data, position, collection, report, update_device, forget_device, ...said } = call;
  if (report !== undefined) return says("report", prefixOf(":progress") + canonical(report), said);
  if (collection !== undefined) return core.enqueue("remove", prefixOf(`:${collection}`) + canonical(value));
  if (update_device !== undefined) return says("update", deviceKey(update_device), said);
  if (forget_device !== undefined) return core.enqueue("remove", deviceKey(forget_device));
  const key = (list === undefined ? "" : prefixOf(list)) + canonical(value);
  return core.enqueue(name, key, { data, position });
}

/** As the client does: what cannot be said is refused where the app says it. */
function says(operation, key, said) {
  return core.enqueue(operation, key, registers.checkedWords(operation, key, { data: said }));
}

function deviceKey(deviceId) {
  return prefixOf(":devices") + checkName("device_id", deviceId);
}

function opens(list) {
  const outputs = core.openList(list);
  opened.add(list);
  return outputs;
}

function outputsOf(given) {
  const [[name, value]] = Object.entries(given);
  switch (name) {
    case "app":
      return ofApp(value);
    case "token":
      return core.token(value);
    case "token_failed":
      return core.tokenFailed();
    case "token_unusable":
      return core.tokenUnusable(value);
    case "open":
      return core.opened();
    case "open_failed":
      return core.openFailed(value.status, value.retry_after_s, value.problem);
    case "heard":
      return core.heard();
    case "polled":
      return core.polled();
    case "probed":
      return core.probed(value);
    case "server":
      return core.received(decode(JSON.stringify(value)));
    case "close":
      return core.closed(value);
    case "due":
      return core.due(value);
    default:
      throw new Error(`nobody knows the input ${name}`);
  }
}

function save({ userId, changes }) {
  const state = kept.get(userId) ?? UserState.empty("");
  for (const change of changes) state.apply(change);
  if (changes.some((change) => "erase" in change)) kept.delete(userId);
  else kept.set(userId, state);
}

/** What is to be stored is stored; anything else goes back to the runner. */
function perform(output) {
  switch (output.type) {
    case "save":
      save(output);
      return [];
    case "start_timer":
      return [{ type: output.type, timer: output.timer, after_ms: output.afterMs }];
    default:
      return [output];
  }
}

function answer(question) {
  ({ now_ms: nowMs, random } = question);
  const told = {};
  if ("scenario" in question) {
    kept = new Map();
    replicas = 0;
    core = newCore();
  } else if ("restart" in question) {
    core = newCore();
  } else {
    try {
      told.outputs = outputsOf(question.input).flatMap(perform);
    } catch (error) {
      told.raised = String(error);
    }
  }
  const { state, transport, stored: now } = core;
  const lists = Object.fromEntries(
    Array.from(opened)
      .filter((list) => !list.startsWith(":"))
      .map((list) => [list, now?.list([], prefixOf(list)) ?? []]),
  );
  const shown = { list: now?.list() ?? [], lists, ...shownOfRegisters(now), queue: now?.queue.size ?? 0 };
  return { ...told, state, transport, ...shown };
}

function shownOfRegisters(now) {
  const shown = {};
  for (const [list, itemsOf] of Object.entries(registers.VIEWS)) {
    const name = list === ":lists" ? "catalogue" : list.slice(1);
    if (opened.has(list)) shown[name] = now ? itemsOf(now, [], core.transient) : [];
  }
  return shown;
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
