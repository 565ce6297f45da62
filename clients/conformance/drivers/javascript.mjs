/** The JavaScript client's driver for ../run.py: `python run.py --exec "node drivers/javascript.mjs"`. */

import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

// The shipped module, with what it does not export to apps.
const text = readFileSync(new URL("../../javascript/dist/syncd-client.js", import.meta.url), "utf8");
const module = `${text}\nexport { Core, UserState, decode };`;
const { Core, UserState, canonical, decode } = await import(`data:text/javascript,${encodeURIComponent(module)}`);

let nowMs = 0;
let random = 0;
let replicas = 0;
/** By user, what is stored. */
let kept = new Map();
let core = newCore();

function newCore() {
  return new Core({
    nowMs: () => nowMs,
    random: () => random,
    newReplica: () => {
      replicas += 1;
      return `r${replicas}`;
    },
  });
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
  return core.enqueue(name, canonical(value));
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
  const { state, transport } = core;
  return { ...told, state, transport, list: core.stored?.list() ?? [], queue: core.stored?.queue.size ?? 0 };
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
