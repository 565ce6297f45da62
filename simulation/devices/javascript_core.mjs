/**
 * Drives cores of the JavaScript client for simulation/javascript_core.py, which starts it: a line with a call comes
 * in, a line with what the core put out goes back, strictly in turns. It ends when its input does.
 *
 * A call is `[name, method, now_ms, random, replica, arguments]`: whose core, what of it, and what it gets from outside.
 * The cores are those of the shipped module, to whose end some JavaScript may be added that breaks it.
 */

import { readFileSync, readSync, writeFileSync } from "node:fs";

const DIST = new URL("../../clients/javascript/dist/", import.meta.url);
const MODULE = readFileSync(new URL("syncd-client.js", DIST), "utf8");
const registers = await import(new URL("registers.js", DIST));
const NAMES = "Core, UserState, checkName, contentIn, decode, encode, named, prefixIn, prefixOf";
const [INPUT, OUTPUT] = [0, 1];

/** What a core takes from outside during one call. */
const outside = { nowMs: 0, random: 0, replica: "" };
const deps = { nowMs: () => outside.nowMs, random: () => outside.random, newReplica: takeReplica };

/** By the JavaScript that was added: the module. */
const clients = new Map();
/** By name: a core, and the module that it is of. */
const cores = new Map();

function takeReplica() {
  const { replica } = outside;
  if (replica === "") throw new Error("one call wants more than one replica");
  outside.replica = "";
  return replica;
}

/** The module with what is not exported to apps, and `added`, which stands in the module's own scope. */
async function load(added) {
  const text = `${MODULE}\n${added}\nexport { ${NAMES} };`;
  const client = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  clients.set(added, client);
  return client;
}

/** The state that `saves` have left on a disk; null: there is none, or it was erased. */
function stored({ UserState }, saves) {
  const changes = saves.flat();
  const kept = changes.slice(changes.findLastIndex((change) => "erase" in change) + 1);
  if (kept.length === 0) return null;
  const state = UserState.empty("");
  for (const change of kept) state.apply(change);
  return state;
}

function outputsOf({ client, core, contentIds }, method, given) {
  switch (method) {
    case "signIn":
      return core.signIn(given[0], stored(client, given[1]));
    case "token":
      return core.token(client.readToken(given[0]));
    case "received":
      return core.received(client.decode(given[0]));
    case "enqueue":
      return enqueued(client, core, contentIds, given);
    case "openRegisters":
      return core.openList(`:${given[0]}`);
    case "enqueueRegister":
      return enqueuedRegister(client, core, contentIds, given);
    default:
      return core[method](...given.map((value) => value ?? undefined));
  }
}

function enqueued({ canonical, prefixOf }, core, contentIds, [operation, contentId, list, data, position]) {
  const key = (list === null ? "" : prefixOf(list)) + canonical(contentId, contentIds);
  return core.enqueue(operation, key, { data: data ?? undefined, position: position ?? undefined });
}

function enqueuedRegister({ canonical, checkName, prefixOf }, core, contentIds, [operation, collection, id, data]) {
  const key =
    prefixOf(`:${collection}`) + (collection === "devices" ? checkName("device_id", id) : canonical(id, contentIds));
  const said = registers.checkedWords(operation, key, { data: data ?? undefined }); // as the client does
  return core.enqueue(operation, key, said);
}

/** A write as the Python client has it. */
function shown({ contentIn, named, prefixIn }, write) {
  const key = write.content_id;
  return { ...write, content_id: contentIn(key), ...named(prefixIn(key)) };
}

function answer(called, method, given) {
  const { client, core } = called;
  if (method === "lists")
    return { lists: given.map((list) => core.stored?.list([], client.prefixOf(list ?? undefined)) ?? []) };
  if (method === "registers") return { registers: registersOf(core) };
  const outputs = outputsOf(called, method, given).map((output) =>
    output.type === "send" ? { type: "send", text: client.encode(output.message) } : output,
  );
  const queue = Array.from(core.stored?.queue.values() ?? []);
  return {
    outputs,
    state: core.state,
    transport: core.transport,
    queued: queue.length,
    write: method === "enqueue" ? shown(client, queue.at(-1)) : null,
  };
}

function registersOf({ stored: state, transient }) {
  const views = Object.values(registers.VIEWS);
  return views.map((itemsOf) => (state === null ? [] : itemsOf(state, [], transient)));
}

async function call([name, method, nowMs, random, replica, given]) {
  Object.assign(outside, { nowMs, random, replica });
  if (method === "new") {
    const client = clients.get(given[0]) ?? (await load(given[0]));
    const core = new client.Core(deps);
    core.useRegisters(registers);
    cores.set(name, { client, core, contentIds: given[1] });
    return {};
  }
  try {
    return answer(cores.get(name), method, given);
  } catch (error) {
    // As which it was loaded, the whole module is its own address.
    return { error: error.name, message: error.stack.replaceAll(/data:text\/javascript,[^:]*/gu, "syncd-client.js") };
  }
}

const chunk = Buffer.alloc(65_536);

/** The next line; null: the input has ended. A call is waited for, so none is behind it. */
function readLine() {
  let line = "";
  const decoder = new TextDecoder();
  while (!line.endsWith("\n")) {
    const size = readSync(INPUT, chunk);
    if (size === 0) return null;
    line += decoder.decode(chunk.subarray(0, size), { stream: true });
  }
  return line;
}

for (let line = readLine(); line !== null; line = readLine())
  writeFileSync(OUTPUT, `${JSON.stringify(await call(JSON.parse(line)))}\n`);
